"""A decision about a workload's autoscaler, and what it stands on, as values.

Who decides is `plans` and `takeovers`; who acts on it is the reconciler.
"""

from __future__ import annotations

from dataclasses import dataclass

from helios.operator.adoptions import Original
from helios.operator.autoscalers import Autoscalers
from helios.operator.conditions import Condition, Reason, Type
from helios.operator.marks import Object
from helios.operator.scaledobjects import KedaDefaults


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, if anything, and what to say; the writes in the order of the attributes.

    Attributes:
        condition: of type Scaling, true once the writes are done.
        apply: a manifest for server-side apply.
        delete: the ScaledObject to be removed.
        why: for the Event that tells of the write.
        store: what is adopted, to be kept with the target before anything else is written.
        restore: what was adopted, to be given back as it was.
        managed: the ScaledObject that stands in its place; None: none does.
        creates: nothing has the name of `apply` yet, as was listed; what has come since is not written over.
        adopts: what is taken over by the write, as it was listed; looked at again before anything is written.
        forget: what was kept with the target is taken off, and the finalizer with it; after a restore once that is done.
        pending: whether something is waited for that no cycle brings.
    """

    condition: Condition
    apply: Object | None = None
    delete: Object | None = None
    why: str = ""
    store: Original | None = None
    restore: Original | None = None
    managed: Object | None = None
    creates: bool = False
    adopts: Original | None = None
    forget: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan stands on beside the target itself.

    Attributes:
        autoscalers: who scales what.
        defaults: what ScaledObjects need to know where a target does not say.
        tolerance: whether the cluster's autoscalers have one of their own.
        now: UNIX seconds.
        numbers: namespace and name of each workload that has a number for KEDA now; None: that is not asked.
    """

    autoscalers: Autoscalers
    defaults: KedaDefaults
    tolerance: bool
    now: float
    numbers: frozenset[tuple[str, str]] | None = None


def no(reason: Reason, message: str) -> Condition:
    """Scaling is not so."""
    return Condition(Type.SCALING, False, reason, message)


def said(status: bool | None, reason: Reason, message: str) -> Plan:
    """Nothing is written, and this is said."""
    return Plan(Condition(Type.SCALING, status, reason, message))


def removed(own: Object, reason: Reason, message: str) -> Plan:
    """A ScaledObject is removed."""
    return Plan(no(reason, message), delete=own, why=message)

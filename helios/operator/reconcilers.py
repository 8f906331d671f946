"""From what was found out to what Kubernetes shows: ScaledObjects, statuses, Events; one pass after each cycle.

It never decides on replicas and never waits for a cycle. What goes wrong with one target is said of that target; an API
server that is away ends the pass, and the next one begins anew from what is true then.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from helios.errors import ClusterError, ClusterForbidden, ClusterMissing, ClusterRefused, ClusterUnreachable
from helios.operator import conditions, events, plans, statuses
from helios.operator.conditions import Condition, Reason, Type
from helios.operator.plans import Autoscalers, Plan, Surroundings
from helios.operator.registries import Registry, Roster
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import KedaDefaults
from helios.operator.workloads import Workload
from scoring.reports import Report

KEDA = "keda.sh/v1alpha1"
HPA = "autoscaling/v2"
LOOK_SECONDS = 1.0
"""Between two looks whether a user has edited something."""
MOST_LOST = 3
"""After so many targets in a row that the API server did not answer for, it is away."""
TOLD_SECONDS = 3600.0
"""So long an Event that was told is not even tried again."""

log = structlog.get_logger("helios.operator")


class Door(Protocol):
    """What is asked of the API server here; `helios.operator.clusters.Cluster` does it."""

    def list(self, api_version: str, plural: str) -> Iterable[Mapping[str, Any]]:
        """Every object of a kind."""

    def patch_status(self, namespace: str, name: str, status: Mapping[str, Any]) -> Mapping[str, Any]:
        """Merge into a HeliosTarget's status; the object as it is then."""

    def apply(self, manifest: Mapping[str, Any]) -> object:
        """Server-side apply."""

    def delete(self, api_version: str, plural: str, namespace: str, name: str, uid: str) -> object:
        """Delete exactly this one."""

    def create_event(self, namespace: str, body: Mapping[str, Any]) -> object:
        """Create an Event."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator's settings say of it.

    Attributes:
        defaults: what ScaledObjects need to know where a target does not say.
        step: the grid step, in seconds.
        status_seconds: at most so often the status of one target is written by itself.
    """

    defaults: KedaDefaults
    step: float
    status_seconds: float


class Reconciler:
    """One thread's work.

    Args:
        registry: the targets.
        reports: the latest report of every scored target.
        door: the API server.
        workloads: what the workloads looked like in the last cycle, by namespace, kind and name.
        terms: what the settings say.
        clock: UNIX seconds now.
        tolerance: whether the cluster's autoscalers have a tolerance of their own; asked once per pass.
    """

    def __init__(
        self,
        registry: Registry,
        reports: Callable[[], Sequence[Report]],
        door: Door,
        workloads: Callable[[], Mapping[tuple[str, str, str], Workload]],
        *,
        terms: Terms,
        clock: Callable[[], float],
        tolerance: Callable[[], bool] = lambda: False,
    ) -> None:
        self._registry, self._reports, self._door, self._workloads = registry, reports, door, workloads
        self._terms, self._clock, self._tolerance = terms, clock, tolerance
        self._written_at: dict[str, float] = {}
        self._notices = events.Notices(terms.status_seconds)
        self._said: dict[str, str] = {}
        self._told: dict[str, float] = {}

    def run(self, stop: threading.Event, cycled: threading.Event) -> None:
        """One pass after every cycle, and after every edit by a user, until `stop` is set.

        Args:
            stop: ends it; a pass once begun is finished.
            cycled: set by the loop, and to end the waiting.
        """
        edits: int | None = None  # before the first cycle there is nothing to say
        while not stop.is_set():
            came = cycled.wait(LOOK_SECONDS)
            if stop.is_set() or not (came or edits not in {None, self._registry.edits}):
                continue
            cycled.clear()
            edits = self._registry.edits
            try:
                self.reconcile()
                self._said.pop("pass", None)
            except ClusterError as error:
                self._say("pass", str(error))
            except Exception:
                log.exception("the pass over the targets failed; the next cycle begins another")

    def reconcile(self) -> None:
        """One pass.

        Raises:
            ClusterUnreachable: the API server is away; what was not written is written in a later pass.
        """
        now = self._clock()
        # 1 what is there
        roster, workloads = self._registry.roster(), self._workloads()
        reports = {(r.namespace, r.deployment): r for r in self._reports()}
        # 2 who scales what
        around = self._surroundings(now)
        # 3 each target: its autoscaler, its status, its Events
        lost = 0
        for target in roster.targets:
            _, kind, name = target.reference
            workload = workloads.get((target.namespace, kind, name))
            speaks = target.spec is not None and (target.namespace, target.name) not in roster.conflicts
            report = reports.get((target.namespace, name)) if speaks else None
            try:
                scaling = self._scale(target, workload, around, now, speaks=speaks)
                self._tell(target, roster, report, workload, scaling, now)
                lost = 0
            except ClusterUnreachable as error:  # of one object it may be that object's own trouble
                lost += 1
                if lost >= MOST_LOST:
                    raise
                self._say(target.uid, str(error))
            except ClusterMissing:
                continue  # it, or its namespace, went away meanwhile
            except ClusterError as error:
                self._say(target.uid, str(error))
            except Exception:
                log.exception("target not reconciled", namespace=target.namespace, target=target.name)
        # 4 those who left are forgotten
        self._forget({target.uid for target in roster.targets}, now)

    def _surroundings(self, now: float) -> Surroundings | None:
        """Who scales what; None if it cannot be known, and then nothing is written about scaling."""
        try:
            try:
                objects = list(self._door.list(KEDA, "scaledobjects"))
            except ClusterMissing:
                objects = None
            hpas = list(self._door.list(HPA, "horizontalpodautoscalers"))
            self._said.pop("autoscalers", None)
        except ClusterUnreachable:
            raise
        except ClusterError as error:
            self._say("autoscalers", str(error))
            return None
        return Surroundings(Autoscalers.of(objects, hpas), self._terms.defaults, self._tolerance(), now)

    def _scale(
        self,
        target: HeliosTarget,
        workload: Workload | None,
        around: Surroundings | None,
        now: float,
        *,
        speaks: bool,
    ) -> tuple[Condition, str | None]:
        """Do what is planned for the target's autoscaler; how it stands, and the ScaledObject that is managed."""
        if target.spec is None:
            return _left_alone(target)
        if around is None:
            message = "who scales this workload cannot be read: see the operator's log"
            return Condition(Type.SCALING, None, Reason.UNKNOWN, message), target.status.get("scaledObject")
        has = around.autoscalers.own(target) is not None
        planned = plans.plan(target, workload, around) if speaks else plans.leave(target, workload, around)
        if planned is None:
            return _left_alone(target)
        try:
            self._carry_out(target, planned, now)
        except (ClusterRefused, ClusterForbidden) as error:
            self._event(
                target, events.Notice("ScaledObjectRefused", str(error), str(error), warning=True), now
            )
            return Condition(Type.SCALING, False, Reason.REFUSED, str(error)), target.name if has else None
        has = planned.delete is None and (has or planned.apply is not None)
        return planned.condition, target.name if has else None

    def _carry_out(self, target: HeliosTarget, planned: Plan, now: float) -> None:
        if planned.apply is not None:
            self._door.apply(planned.apply)
            digest = planned.apply["metadata"]["annotations"][plans.DIGEST]
            notice = events.Notice(
                "ScaledObjectApplied", f"ScaledObject {target.name} {planned.why}", f"{digest} {now:.0f}"
            )
            self._event(target, notice, now)
        if planned.delete is not None:
            metadata = planned.delete["metadata"]
            with contextlib.suppress(ClusterMissing):
                self._door.delete(
                    KEDA, "scaledobjects", metadata["namespace"], metadata["name"], metadata["uid"]
                )
            message = f"ScaledObject {metadata['name']} removed: {planned.why}"
            self._event(target, events.Notice("ScaledObjectRemoved", message, metadata["uid"]), now)

    def _tell(
        self,
        target: HeliosTarget,
        roster: Roster,
        report: Report | None,
        workload: Workload | None,
        scaling: tuple[Condition, str | None],
        now: float,
    ) -> None:
        """Write the status if there is news, and the Events."""
        older = roster.conflicts.get((target.namespace, target.name))
        found = (
            conditions.ready(target, older, report, workload),
            conditions.data_available(report, workload, self._terms.step),
            conditions.forecast_ready(report, self._terms.step),
            scaling[0],
        )
        wanted = statuses.status(
            target,
            report,
            found,
            scaled_object=scaling[1],
            now=conditions.stamp(now),
        )
        write = statuses.news(target, wanted)
        # of a target that has a status already, somebody wrote it: an operator that starts anew waits its turn
        written = self._written_at.setdefault(
            target.uid, now if target.status else -self._terms.status_seconds
        )
        if write is not None and (write.urgent or now - written >= self._terms.status_seconds):
            answer = self._door.patch_status(target.namespace, target.name, write.status)
            self._registry.wrote(target, answer)
            self._written_at[target.uid] = now
        told = [] if report is None else self._notices.of(target, report, now)
        for notice in [*events.misread(target), *told]:
            self._event(target, notice, now)

    def _event(self, target: HeliosTarget, notice: events.Notice, now: float) -> None:
        """Tell it; an Event that cannot be told costs nothing else."""
        said = events.body(target, notice, now)
        if said["metadata"]["name"] in self._told:
            return
        try:
            self._door.create_event(target.namespace, said)
        except ClusterRefused:
            pass  # told already, before this process began: its name is taken
        except ClusterMissing:
            return  # its namespace is on its way out
        except ClusterError as error:
            self._say("events", str(error))
            return
        self._told[said["metadata"]["name"]] = now

    def _forget(self, uids: set[str], now: float) -> None:
        self._told = {name: at for name, at in self._told.items() if now - at < TOLD_SECONDS}
        self._written_at = {uid: at for uid, at in self._written_at.items() if uid in uids}
        self._notices.forget(uids)
        kept = {"pass", "autoscalers", "events"} | uids
        self._said = {what: fault for what, fault in self._said.items() if what in kept}

    def _say(self, what: str, fault: str) -> None:
        """Warn once of what goes on being wrong in the same words."""
        if self._said.get(what) != fault:
            log.warning("not reconciled", fault=fault)
        self._said[what] = fault


def _left_alone(target: HeliosTarget) -> tuple[Condition, str | None]:
    """Of a target that cannot be used: what was written for it before stays as it is."""
    message = "nothing is done for this target: see Ready"
    return Condition(Type.SCALING, False, Reason.OBSERVING, message), target.status.get("scaledObject")

"""From what was found out to what Kubernetes shows: ScaledObjects, statuses, Events; one pass after each cycle.

It never decides on replicas and never waits for a cycle. What goes wrong with one target is said of that target; an API
server that is away ends the pass, and the next one begins anew from what is true then.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import structlog

from helios.errors import (
    ClusterConflict,
    ClusterError,
    ClusterForbidden,
    ClusterMissing,
    ClusterRefused,
    ClusterUnreachable,
)
from helios.operator import conditions, events, handovers, obstacles, plans, restorations, statuses, surveys
from helios.operator.conditions import Condition, Reason, Type
from helios.operator.handovers import MOST_LOST, Handover, Pending
from helios.operator.plans import Plan, Surroundings
from helios.operator.registries import Key, Registry, Roster
from helios.operator.resources import HeliosTarget
from helios.operator.scaledobjects import KedaDefaults
from helios.operator.surveys import survey
from helios.operator.workloads import Workload
from scoring.reports import Report

KEDA = "keda.sh/v1alpha1"
LOOK_SECONDS = 1.0
"""Between two looks whether a user has edited something."""
TOLD_SECONDS = 3600.0
"""So long an Event that was told is not even tried again."""

log = structlog.get_logger("helios.operator")


class Door(handovers.Door, restorations.Door, surveys.Door, Protocol):
    """What is asked of the API server here; `helios.operator.clusters.Cluster` does it."""

    def patch_status(self, namespace: str, name: str, status: Mapping[str, Any]) -> Mapping[str, Any]:
        """Merge into a HeliosTarget's status; the object as it is then."""

    def apply(self, manifest: Mapping[str, Any], *, force: bool) -> object:
        """Server-side apply; without force what another manager says otherwise is refused."""

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


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one pass stands on."""

    roster: Roster
    reports: Mapping[tuple[str, str], Report]
    workloads: Mapping[tuple[str, str, str], Workload]
    around: Surroundings | None
    now: float


class _DeposedError(Exception):
    """Another operator writes from here on."""


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
        writes: whether this operator is the one that writes; asked before each pass and before each target.
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
        writes: Callable[[], bool] = lambda: True,
    ) -> None:
        self._registry, self._reports, self._door, self._workloads = registry, reports, door, workloads
        self._terms, self._clock, self._tolerance, self._writes = terms, clock, tolerance, writes
        self._written_at: dict[str, float] = {}
        self._notices = events.Notices(terms.status_seconds)
        self._said: dict[str, str] = {}
        self._told: dict[str, float] = {}
        self._handover = Handover(registry, door, restorations.Restorer(door))
        self._pending, self._again = Pending(LOOK_SECONDS), False

    def run(self, stop: threading.Event, cycled: threading.Event) -> None:
        """One pass after every cycle, and after every edit by a user, until `stop` is set; and over those who wait for something.

        Args:
            stop: ends it; a pass once begun is finished.
            cycled: set by the loop, and to end the waiting.
        """
        edits: int | None = None  # before the first cycle there is nothing to say
        while not stop.is_set():
            came = cycled.wait(LOOK_SECONDS)
            whole = came or self._again or edits not in {None, self._registry.edits}
            waiting = set() if whole else self._pending.due(self._clock())
            if stop.is_set() or not (whole or waiting):
                continue
            if whole:
                cycled.clear()
                edits = self._registry.edits
            try:
                self.reconcile(None if whole else waiting)
                self._said.pop("pass", None)
            except ClusterError as error:
                self._say("pass", str(error))
            except Exception:
                log.exception("the pass over the targets failed; the next cycle begins another")

    def reconcile(self, only: set[Key] | None = None) -> None:
        """One pass.

        Args:
            only: those to be looked at, by namespace and name; None: all.

        Raises:
            ClusterUnreachable: the API server is away; what was not written is written in a later pass.
        """
        self._again = False
        if not self._writes():
            # if it is this one's turn again, it goes on from what stands then
            self._pending.keep(set())
            self._forget(set(), self._clock())
            return
        now = self._clock()
        self._pending.looked(now)
        # 1 what is there
        roster, workloads = self._registry.roster(), self._workloads()
        reports = {(r.namespace, r.deployment): r for r in self._reports()}
        known = [*roster.leaving, *roster.targets]
        targets = [target for target in known if only is None or (target.namespace, target.name) in only]
        # 2 who scales what
        namespaces = None if only is None else {namespace for namespace, _ in only}
        around = self._surroundings(now, known, reports, namespaces)
        # 3 what was adopted by those who went away without us
        orphans = self._adrift(around, {(target.namespace, target.uid) for target in known}, now)
        # 4 each target: its autoscaler, its status, its Events
        try:
            self._each(targets, _Seen(roster, reports, workloads, around, now))
        except _DeposedError:
            return
        # 5 those who left are forgotten
        if only is None:
            self._pending.keep({(target.namespace, target.name) for target in known} | orphans)
            self._forget({target.uid for target in known}, now)

    def _each(self, targets: Sequence[HeliosTarget], seen: _Seen) -> None:
        """Look at each; what goes wrong with one costs the others nothing."""
        lost = 0
        for target in targets:
            self._still()
            try:
                self._look(target, seen)
                lost = 0
            except ClusterUnreachable as error:  # of one object it may be that object's own trouble
                lost += 1
                if lost >= MOST_LOST:
                    raise
                self._say(target.uid, str(error))
            except _DeposedError:
                raise
            except ClusterMissing:
                continue  # it, or its namespace, went away meanwhile
            except ClusterError as error:
                self._say(target.uid, str(error))
            except Exception:
                log.exception("target not reconciled", namespace=target.namespace, target=target.name)

    def _look(self, target: HeliosTarget, seen: _Seen) -> None:
        """Whatever one target needs."""
        roster, around, now = seen.roster, seen.around, seen.now
        workload = seen.workloads.get((target.namespace, *target.reference[1:]))
        if target.deleting:
            if around is not None:
                self._done(target, plans.part(target, around), workload, now)
            return
        speaks = target.spec is not None and (target.namespace, target.name) not in roster.conflicts
        report = seen.reports.get((target.namespace, target.reference[2])) if speaks else None
        scaling = self._scale(target, workload, around, now, speaks=speaks)
        self._tell(target, roster, report, workload, scaling, now)

    def _adrift(self, around: Surroundings | None, owners: set[Key], now: float) -> set[Key]:
        """Give back what belongs to no target any more; the keys of what is not done yet."""
        orphans = () if around is None else around.autoscalers.orphans(owners)
        found = self._handover.give_back_orphans(orphans, self._writes, partial(self._say, "adrift"))
        for key, waits in found.items():
            self._pending.note(key, waits=waits, now=now)
        return {key for key, waits in found.items() if waits}

    def _surroundings(
        self,
        now: float,
        targets: Sequence[HeliosTarget],
        reports: Mapping[tuple[str, str], Report],
        namespaces: set[str] | None,
    ) -> Surroundings | None:
        """Who scales what, in `namespaces` or everywhere; None if it cannot be known, and then nothing is written about scaling."""
        try:
            found = survey(self._door, plans.named(targets), namespaces)
            self._said.pop("autoscalers", None)
        except ClusterUnreachable:
            raise
        except ClusterError as error:
            self._say("autoscalers", str(error))
            return None
        numbers = frozenset(place for place, one in reports.items() if one.scaling_signal is not None)
        return Surroundings(found, self._terms.defaults, self._tolerance(), now, numbers)

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
            self._pending.note((target.namespace, target.name), waits=False, now=now)
            return obstacles.unusable(target)
        if around is None:
            message = "who scales this workload cannot be read: see the operator's log"
            return Condition(Type.SCALING, None, Reason.UNKNOWN, message), target.status.get("scaledObject")
        own = around.autoscalers.own(target)
        planned = plans.plan(target, workload, around) if speaks else plans.leave(target, workload, around)
        if planned is None:
            return obstacles.unusable(target)
        made = self._done(target, planned, workload, now)
        if made.apply is not None:
            return made.condition, made.apply["metadata"]["name"]
        kept = own is not None and made.delete is None and made.condition.reason is not Reason.RESTORED
        return made.condition, own["metadata"]["name"] if own is not None and kept else None

    def _done(self, target: HeliosTarget, planned: Plan, workload: Workload | None, now: float) -> Plan:
        """Do what is planned; the plan as it came out."""
        key = (target.namespace, target.name)
        try:
            if planned.adopts is not None:
                self._handover.look_again(target, planned.adopts)
            if planned.store is not None:
                self._handover.keep(target, planned.store)
            self._still()
            self._carry_out(target, planned, now)
            self._still()
            progress = self._handover.give_back(target, planned, workload)
            made, notices = handovers.told(planned, progress, now)
        except (ClusterRefused, ClusterForbidden) as error:
            early = isinstance(error, ClusterConflict) and (
                planned.store or planned.restore or planned.forget or planned.adopts or planned.creates
            )
            if early:  # somebody has edited it since: what is true now decides at the next look
                made, notices = replace(planned, apply=None, delete=None, pending=True), []
            elif planned.restore is not None:
                said = f"{planned.condition.message}; {error}"
                made = replace(planned, condition=replace(planned.condition, message=said))
                notices = [events.Notice("GiveBackRefused", said, said, warning=True)]
            else:
                refused = Condition(Type.SCALING, False, Reason.REFUSED, str(error))
                made = Plan(refused)
                notices = [events.Notice("ScaledObjectRefused", str(error), str(error), warning=True)]
        self._pending.note(key, waits=made.pending, now=now)
        if planned.restore is not None and not made.pending:
            kept = target.original is not None or target.guarded
            self._again |= kept  # others may have waited for it
            notices = notices if kept else []  # it was told when it was forgotten
        for notice in notices:
            self._event(target, notice, now)
        return made

    def _still(self) -> None:
        """What was asked before may have hung for so long that another operator writes by now."""
        if not self._writes():
            raise _DeposedError

    def _carry_out(self, target: HeliosTarget, planned: Plan, now: float) -> None:
        if planned.apply is not None:
            self._door.apply(planned.apply, force=not planned.creates)
            for notice in handovers.written(planned.apply, planned, now):
                self._event(target, notice, now)
        if planned.delete is not None:
            metadata = planned.delete["metadata"]
            with contextlib.suppress(ClusterMissing):
                self._door.delete(
                    KEDA,
                    "scaledobjects",
                    metadata["namespace"],
                    metadata["name"],
                    metadata["uid"],
                    orphan=False,
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
        kept = {"pass", "autoscalers", "events", "adrift"} | uids
        self._said = {what: fault for what, fault in self._said.items() if what in kept}

    def _say(self, what: str, fault: str) -> None:
        """Warn once of what goes on being wrong in the same words."""
        if self._said.get(what) != fault:
            log.warning("not reconciled", fault=fault)
        self._said[what] = fault

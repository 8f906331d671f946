"""Taking Helios out, a step at a time, with the rights of whoever asks, and without an operator.

Each step follows from what the API server shows, so it can be broken off, begun again, and run beside an operator that is alive:
`mode: Observe` comes first, and an operator then does the same. What the HeliosTarget keeps is taken off last. Nothing is printed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from helios.errors import (
    ClusterConflict,
    ClusterError,
    ClusterForbidden,
    ClusterMissing,
    ClusterRefused,
    ClusterUnreachable,
)
from helios.operator import restorations
from helios.operator.adoptions import ADOPTED, FINALIZER, HPA_VERSION, KEDA_VERSION, PLURALS
from helios.operator.marks import FORM, annotation
from helios.operator.releases import Key, Part, Release, mode_of, on_cpu, releases, stays
from helios.operator.replicas import running
from helios.operator.resources import API_VERSION, PLURAL

LOOK_SECONDS = 1.0
"""Between two steps of one release."""
PATIENCE_SECONDS = 75.0
"""After so long in which nothing was finished, what is left is told; a KEDA that is down takes half of it."""
SETTLE_SECONDS = 3.0
"""After the last step it is looked once more: a pass that an operator had begun before may have undone it."""
ROUNDS = 3
MOST_LOST, MOST_REFUSED = 3, 10
"""So often in a row the API server may not answer, or refuse a step in the same words, before it is given up."""

Object = Mapping[str, Any]

_SCALED_OBJECTS, _HPAS = PLURALS["ScaledObject"], PLURALS["HorizontalPodAutoscaler"]
_UNDONE = "it is Helios' again: who keeps its HeliosTarget, such as a tool that applies it from Git, must say mode: Observe there"


class Door(restorations.Door, Protocol):
    """What is asked of the API server here beside what a restorer asks; `helios.operator.clusters.Cluster` does it."""

    def list(
        self, api_version: str, plural: str, namespace: str | None, *, field_selector: str | None = None
    ) -> Iterable[Object]:
        """Every object of a kind, in a namespace or in all."""

    def patch(self, namespace: str, name: str, body: Object) -> Object:
        """A merge patch of a HeliosTarget; as it is then."""

    def mark(
        self,
        namespace: str,
        name: str,
        annotations: Mapping[str, str | None],
        finalizers: Sequence[str],
        resource_version: str,
    ) -> object:
        """Annotations and finalizers of a HeliosTarget, if it has not changed since."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a release is.

    Attributes:
        done: nothing is left to do.
        said: what was done, or is waited for, or is in the way.
        raised: the maximum that an original was given, where its own would have taken replicas away.
        hopeless: no further step will help; where it is done, to what is left beside it.
    """

    done: bool
    said: str
    raised: int | None = None
    hopeless: bool = False


class Releaser:
    """Finds what is to be released, and takes the steps; for one thread.

    Args:
        door: the API server, with the rights of whoever asks.
        clock: seconds that only move forward.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        door: Door,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._door, self._clock, self._sleep = door, clock, sleep
        self._restorer = restorations.Restorer(door, clock, trusting=True)

    def found(self, namespace: str | None, name: str | None = None) -> list[Release]:
        """What is to be released now; nothing once all is.

        Args:
            namespace: of it; None is all of them.
            name: of a HeliosTarget, or of what one that is gone has left behind; None is all.

        Raises:
            ClusterError: it cannot be listed.
        """
        kinds = ((API_VERSION, PLURAL), (KEDA_VERSION, _SCALED_OBJECTS), (HPA_VERSION, _HPAS))
        targets, objects, hpas = (self._listed(*kind, namespace) for kind in kinds)
        return [one for one in releases(targets, objects, hpas) if name in (None, one.name)]

    def exists(self, namespace: str, name: str) -> bool:
        """Whether there is such a HeliosTarget.

        Raises:
            ClusterError: it cannot be listed.
        """
        return any(one["metadata"]["name"] == name for one in self._listed(API_VERSION, PLURAL, namespace))

    def release(self, namespace: str | None, name: str | None = None) -> Iterator[tuple[Release, Step]]:
        """Release all that is found, and look whether it stays so: every step of each; the last one of each counts.

        Args:
            namespace: as in `found`.
            name: as in `found`.

        Raises:
            ClusterError: it cannot be listed.
        """
        last: dict[Key, Step] = {}
        found = self.found(namespace, name)
        for _ in range(ROUNDS):
            for release, step in self._work(found):
                last[release.key] = step
                yield release, step
            if not any(step.done for step in last.values()):
                return
            self._sleep(SETTLE_SECONDS)
            found = [one for one in self.found(namespace, name) if _anew(one, last.get(one.key))]
            if not found:
                return
        for one in found:
            told = last.get(one.key)
            if told is None or not told.hopeless or one.mode != "Observe":
                yield one, Step(done=False, said=_UNDONE, hopeless=True)

    def step(self, release: Release) -> Step:
        """Take the steps that are due; to be called again, a second or so later, until it is done or hopeless.

        Raises:
            ClusterError: to be told, and tried again.
        """
        target = self._target(release)
        left = ""
        if (
            target is not None
            and mode_of(target) != "Observe"
            and not target["metadata"].get("deletionTimestamp")
        ):
            # first of all, or an operator that is alive would take it again
            try:
                target = self._door.patch(release.namespace, release.name, {"spec": {"mode": "Observe"}})
            except ClusterRefused as error:
                left = f"its mode could not be set to Observe: {error}"
        steps = [self._part(part, target) for part in release.parts]
        done = all(step.done for step in steps) and (target is None or self._unguarded(target))
        said = [step.said for step in steps] or ["nothing of Helios' scales its workload"]
        raised = next((step.raised for step in steps if step.raised is not None), None)
        hopeless = any(step.hopeless for step in steps) or bool(done and left)
        return Step(done, "; ".join([*said, left] if left else said), raised, hopeless)

    def _work(self, found: Sequence[Release]) -> Iterator[tuple[Release, Step]]:
        """All of them side by side, until each is done or hopeless, or nothing moves any more."""
        pending, moved, lost = list(found), self._clock(), 0
        refusals: Counter[tuple[Key, str]] = Counter()
        while pending:
            for release in tuple(pending):
                try:
                    step, lost = self.step(release), 0
                except ClusterUnreachable as error:
                    step, lost = Step(done=False, said=str(error)), lost + 1
                except Exception as error:  # noqa: BLE001 - of one that nobody foresaw: the others are released all the same
                    refusals[release.key, str(error)] += 1
                    step = _failed(error, refusals[release.key, str(error)])
                yield release, step
                if lost >= MOST_LOST:
                    return
                if step.done or step.hopeless:
                    pending.remove(release)
                    moved = self._clock()
            if self._clock() - moved >= PATIENCE_SECONDS:
                return
            if pending:
                self._sleep(LOOK_SECONDS)

    def _part(self, part: Part, target: Object | None) -> Step:
        if part.original is not None:
            uid = None if target is None else target["metadata"]["uid"]
            seen = self._restorer.restore(part.namespace, part.original, part.managed, None, uid=uid)
            return Step(seen.done, seen.said, seen.raised, seen.stuck)
        if part.unreadable:
            return Step(done=False, said=part.fate(), hopeless=True)
        return self._parted(part, target)

    def _parted(self, part: Part, target: Object | None) -> Step:
        """Of a ScaledObject that Helios made where nothing was: it becomes its user's, on cpu alone, or goes."""
        where = (KEDA_VERSION, _SCALED_OBJECTS, part.namespace, part.name)
        wish = ((target or {}).get("spec") or {}).get("replicas", {}).get("min")
        try:
            live = self._door.get(*where)
            if annotation(live, FORM) is None:
                free = restorations.disowned(live)
                if free is not None:
                    self._door.replace(free)
                said = f"ScaledObject {part.name} stays, on cpu alone, and is yours{_floor(live, wish)}"
                return Step(done=True, said=said)
            if live["metadata"].get("deletionTimestamp"):
                said = f"ScaledObject {part.name} is being removed: KEDA has still to let go of it"
                return Step(done=False, said=said)
            if stays(live):
                self._door.replace(on_cpu(live, self._least(live, wish)))
            else:
                self._door.delete(*where, live["metadata"]["uid"], orphan=False)
        except ClusterMissing:
            return Step(done=True, said=f"ScaledObject {part.name} is removed; the replicas stay as they are")
        except ClusterConflict:
            return Step(done=False, said=f"ScaledObject {part.name} changes under way: it is looked at again")
        return Step(done=False, said=part.fate())

    def _least(self, live: Object, wish: int | None) -> int | None:
        """As many replicas as run, or as its target asks for: cpu alone may want fewer, and they may be held by an hour's floor."""
        try:
            now = running(self._door, live["metadata"]["namespace"], live["spec"]).count
        except ClusterForbidden:
            now = None
        held = live["spec"].get("minReplicaCount") if now is None else now
        known = [count for count in (held, wish) if isinstance(count, int)]
        return max(known) if known else None

    def _unguarded(self, target: Object) -> bool:
        """Whether the target keeps nothing any more; what it keeps is taken off."""
        metadata = target["metadata"]
        finalizers = metadata.get("finalizers") or []
        if FINALIZER not in finalizers and annotation(target, ADOPTED) is None:
            return True
        kept, version = [one for one in finalizers if one != FINALIZER], str(metadata["resourceVersion"])
        try:
            self._door.mark(metadata["namespace"], metadata["name"], {ADOPTED: None}, kept, version)
        except ClusterConflict:
            return False
        except ClusterMissing:
            pass  # it was deleted, and an operator was first
        return True

    def _target(self, release: Release) -> Object | None:
        """The HeliosTarget as it is now; by a list, as the operator's own role may not get one."""
        named = f"metadata.name={release.name}"
        try:
            found = self._door.list(API_VERSION, PLURAL, release.namespace, field_selector=named)
            return next((one for one in found if one["metadata"]["uid"] == release.uid), None)
        except ClusterMissing:
            return None

    def _listed(self, api_version: str, plural: str, namespace: str | None) -> list[Object]:
        """Nothing, where its kind is not there."""
        try:
            return list(self._door.list(api_version, plural, namespace))
        except ClusterMissing:
            return []


def _failed(error: Exception, times: int) -> Step:
    """What is in the way, said so often in the same words, and whether another try may help."""
    if isinstance(error, ClusterForbidden):
        return Step(done=False, said=str(error), hopeless=True)
    if isinstance(error, ClusterError):
        return Step(done=False, said=str(error), hopeless=times >= MOST_REFUSED)
    return Step(done=False, said=f"{type(error).__name__}: {error}", hopeless=True)


def _anew(release: Release, last: Step | None) -> bool:
    """Whether it has come up again; what is left was told already."""
    if last is None:
        return True
    nothing = (
        last.hopeless and not release.parts and not release.guarded
    )  # but the mode that could not be set
    return last.done and not release.waits and not nothing


def _floor(live: Object, wish: int | None) -> str:
    """That as many replicas are kept as ran, where that is more than its target asked for."""
    least = live["spec"].get("minReplicaCount")
    if not isinstance(least, int) or not isinstance(wish, int) or least <= wish:
        return ""
    return f"; its minimum is {least} and not {wish}, as so many run: lower it when fewer will do"

"""Carrying an adoption out: the original is kept with its target before the first write, given back step by step, forgotten last.

Whoever dies between two of these leaves behind what the next one goes on from. What is waited for here no cycle brings, so it is
looked at again after seconds, and the longer it takes, the more seldom. Nothing is decided here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from helios.errors import ClusterConflict, ClusterError, ClusterMissing, ClusterUnreachable
from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from helios.operator.conditions import Reason
from helios.operator.decisions import Plan, no
from helios.operator.events import Notice
from helios.operator.marks import DIGEST, annotation
from helios.operator.registries import Key, Registry
from helios.operator.resources import API_VERSION, PLURAL, HeliosTarget
from helios.operator.restorations import Progress
from helios.operator.takeovers import given_back
from helios.operator.workloads import Workload

PATIENCE = 10.0
"""What has been waited for so many times as long is looked at again after a second more."""

Object = Mapping[str, Any]


MOST_LOST = 3
"""After so many objects in a row that the API server did not answer for, it is away."""

log = structlog.get_logger("helios.operator")


class Door(Protocol):
    """What is asked of the API server here; `helios.operator.clusters.Cluster` does it."""

    def get(self, api_version: str, plural: str, namespace: str, name: str) -> Object:
        """One object."""

    def list(self, api_version: str, plural: str, namespace: str | None = None) -> Iterable[Object]:
        """Every object of a kind, or of that kind in a namespace."""

    def mark(
        self,
        namespace: str,
        name: str,
        annotations: Mapping[str, str | None],
        finalizers: Sequence[str],
        resource_version: str,
    ) -> Object:
        """Annotations and finalizers of a HeliosTarget in one write, if nobody has written since; the object as it is then."""


class Restorer(Protocol):
    """Gives an original back; `helios.operator.restorations.Restorer` does it."""

    def restore(
        self,
        namespace: str,
        original: Original,
        managed: Object | None,
        replicas: int | None,
        *,
        uid: str | None,
    ) -> Progress:
        """Do what can be done now; to be called again until it is done."""


class Handover:
    """Writes what a plan says of an adoption; for one thread.

    Args:
        registry: the targets; told what was written to them.
        door: the API server.
        restorer: gives originals back.
    """

    def __init__(self, registry: Registry, door: Door, restorer: Restorer) -> None:
        self._registry, self._door, self._restorer = registry, door, restorer

    def look_again(self, target: HeliosTarget, original: Original) -> None:
        """Make sure that its user has not edited since it was listed what is taken over now: a pass may take minutes.

        Raises:
            ClusterError: ClusterConflict if it is another now.
        """
        what = f"{original.kind} {original.name}"
        try:
            live = self._door.get(original.api_version, original.plural, target.namespace, original.name)
        except ClusterMissing as error:
            raise ClusterConflict(f"{what} is gone since it was seen") from error
        if Original.of(original.kind, live) != original:
            raise ClusterConflict(f"{what} has changed since it was seen")

    def keep(self, target: HeliosTarget, original: Original) -> None:
        """Keep the original with the target, and the target until it is given back.

        Raises:
            ClusterError: ClusterConflict if the target has changed since it was seen; nothing may be adopted then.
        """
        finalizers = target.finalizers if target.guarded else (*target.finalizers, FINALIZER)
        self._mark(target, {ADOPTED: original.text()}, finalizers)

    def give_back(self, target: HeliosTarget, planned: Plan, workload: Workload | None) -> Progress | None:
        """Take the step that is due; once the original is in its place, forget it. None where nothing is to be given back.

        Raises:
            ClusterError: to be tried again.
        """
        if planned.restore is None:
            if planned.forget:
                self.forget(target)
            return None
        done = self._restorer.restore(
            target.namespace, planned.restore, planned.managed, _running(workload), uid=target.uid
        )
        if done.done and planned.forget:
            self.forget(target)
        return done

    def give_back_orphans(
        self,
        orphans: Iterable[tuple[str, Object]],
        writes: Callable[[], bool],
        say: Callable[[str], None],
    ) -> dict[Key, bool]:
        """Take the step that is due of each; one that fails costs the others nothing.

        Args:
            orphans: a target's uid and what is left of it, see `give_back_orphan`.
            writes: whether this operator is the one that writes, asked before each.
            say: told what fails.

        Returns:
            for each namespace in which something was given back, whether something there is still waited for.
        """
        found: dict[Key, bool] = {}
        lost = 0
        for uid, left in orphans:
            if not writes():
                break
            key = (left["metadata"]["namespace"], "")
            try:
                progress = self.give_back_orphan(uid, left)
                lost = 0
            except ClusterError as error:
                say(str(error))
                lost += isinstance(error, ClusterUnreachable)
                if lost >= MOST_LOST:
                    break  # whether the API server is away the targets tell: these must not keep them waiting
            except Exception:
                log.exception("not given back", namespace=key[0], left=left["metadata"]["name"])
            else:
                if progress is not None:
                    if progress.done and not progress.stuck:
                        log.info("given back: its target is gone", namespace=key[0], said=progress.said)
                    else:
                        say(
                            f"{key[0]}: a HeliosTarget is gone, and what it adopted is given back: {progress.said}"
                        )
                    found[key] = found.get(key, False) or not progress.done
        return found

    def give_back_orphan(self, uid: str, left: Object) -> Progress | None:
        """Give back what a target adopted that went away without us, as when its finalizer was taken off by hand.

        Args:
            uid: of that target.
            left: the ScaledObject in the place of what it adopted, or an HPA of which that is gone already.

        Returns:
            None where the target is there after all, or where nobody knows what was adopted.

        Raises:
            ClusterError: to be tried again.
        """
        namespace, original = left["metadata"]["namespace"], Original.parsed(annotation(left, ADOPTED))
        # who is not known may have come since: the API server itself is asked
        listed = self._door.list(API_VERSION, PLURAL, namespace) if original is not None else ()
        if original is None or any(one["metadata"].get("uid") == uid for one in listed):
            return None
        managed = left if "triggers" in left["spec"] else None
        return self._restorer.restore(namespace, original, managed, None, uid=uid)

    def forget(self, target: HeliosTarget) -> None:
        """Take off what was kept with the target; one that is being deleted goes then.

        Raises:
            ClusterError: ClusterConflict if the target has changed since it was seen.
        """
        if target.original is None and not target.garbled and not target.guarded:
            return
        with contextlib.suppress(ClusterMissing):  # gone already
            self._mark(target, {ADOPTED: None}, [one for one in target.finalizers if one != FINALIZER])

    def _mark(
        self, target: HeliosTarget, annotations: Mapping[str, str | None], finalizers: Sequence[str]
    ) -> None:
        answer = self._door.mark(
            target.namespace, target.name, annotations, finalizers, target.resource_version
        )
        self._registry.marked(target, answer)


class Pending:
    """Which targets wait for something, and since when.

    Args:
        seconds: between two looks at the least.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Key, float] = {}
        self._looked = 0.0

    def __bool__(self) -> bool:
        return bool(self._since)

    def note(self, key: Key, *, waits: bool, now: float) -> None:
        """Whether somebody waits for something, as of now."""
        if waits:
            self._since.setdefault(key, now)
        else:
            self._since.pop(key, None)

    def keep(self, keys: set[Key]) -> None:
        """Forget every target but these."""
        self._since = {key: since for key, since in self._since.items() if key in keys}

    def due(self, now: float) -> set[Key]:
        """Those to be looked at now; the longer one waits, the more seldom."""
        if not self._since:
            return set()
        age = now - max(self._since.values())
        if now - self._looked < max(self._seconds, age / PATIENCE):
            return set()
        return set(self._since)

    def looked(self, now: float) -> None:
        """A look was taken at all of them."""
        self._looked = now


def written(manifest: Object, planned: Plan, now: float) -> list[Notice]:
    """What is to be told of a ScaledObject that was just applied."""
    name, digest = manifest["metadata"]["name"], annotation(manifest, DIGEST)
    notices = [Notice("ScaledObjectApplied", f"ScaledObject {name} {planned.why}", f"{digest} {now:.0f}")]
    if planned.adopts is not None:
        what = f"{planned.adopts.kind} {planned.adopts.name}"
        words = f"{what} is taken over by ScaledObject {name}; as it was, it is kept with the HeliosTarget"
        notices.insert(0, Notice("Adopted", words, f"{now:.0f}"))
    return notices


def told(planned: Plan, progress: Progress | None, now: float) -> tuple[Plan, list[Notice]]:
    """What is to be said after a step of a restoration, as a plan and as Events."""
    if planned.restore is None or progress is None:
        return planned, []
    if not progress.done:
        return given_back(planned.restore, planned.managed, f"{planned.why}; {progress.said}"), []
    notices = [Notice("GivenBack", f"{progress.said}: {planned.why}", f"{now:.0f}")]
    if progress.raised is not None:
        words = (
            f"{planned.restore.kind} {planned.restore.name} has a maximum of {progress.raised} now, more than it had: so many "
            "replicas ran, and the HPA would have cut them at once. Lower it again when fewer run"
        )
        notices = [Notice("GivenBackRaised", words, f"{now:.0f}", warning=True)]
    return Plan(no(Reason.RESTORED, f"{progress.said}: {planned.why}")), notices


def _running(workload: Workload | None) -> int | None:
    """Replicas of a workload; None where unknown."""
    if workload is None:
        return None
    counts = [n for n in (workload.current, workload.desired) if n is not None]
    return max(counts, default=None)

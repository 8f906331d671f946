"""Giving an adopted autoscaler back: one look and one step at a time, from whatever stands there.

Every step follows from what the API server shows, so a crash between any two of them, a second process at the same work, or a
KEDA that is still writing costs no more than another look. Nothing is remembered but how long KEDA has been waited for, and
nothing sleeps here. What bears no mark of Helios is its user's, and is never written.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from helios.errors import ClusterConflict, ClusterMissing, ClusterRefused
from helios.operator.adoptions import ADOPTED, FINALIZER, HPA_VERSION, KEDA_VERSION, MAXIMA, PLURALS, Original
from helios.operator.clusters import FIELD_MANAGER
from helios.operator.editions import applied_anew
from helios.operator.marks import DIGEST, FORM, OWNER, annotation, keda_owner, scaled
from helios.operator.replicas import Door as Scales
from helios.operator.replicas import running

WAIT_SECONDS = 30.0
"""So long KEDA is waited for: its reconciler writes the HPA without looking who changed it, until its object is gone."""

KEDA_FINALIZER = "finalizer.keda.sh"
"""On each ScaledObject (controllers/keda/scaledobject_finalizer.go): once it is off, KEDA writes for it no more."""

_MARKS = (FORM, OWNER, DIGEST, ADOPTED)
_SCALED_OBJECTS, _HPAS = PLURALS["ScaledObject"], PLURALS["HorizontalPodAutoscaler"]

Object = Mapping[str, Any]


class Door(Scales, Protocol):
    """What is asked of the API server here; `helios.operator.clusters.Cluster` does it."""

    def get(self, api_version: str, plural: str, namespace: str, name: str) -> Object:
        """One object."""

    def list(self, api_version: str, plural: str, namespace: str) -> Iterable[Object]:
        """Every object of a kind in a namespace."""

    def create(self, manifest: Object) -> object:
        """Create it."""

    def replace(self, manifest: Object) -> object:
        """Put it in the place of the one with its resourceVersion."""

    def delete(
        self, api_version: str, plural: str, namespace: str, name: str, uid: str, *, orphan: bool
    ) -> object:
        """Delete exactly this one."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        done: the original stands in its place, or what stands there is its user's own.
        said: what was done, or is waited for.
        raised: the maximum that it was given, where its own would have taken replicas away.
        stuck: a person has to do something first.
    """

    done: bool
    said: str
    raised: int | None = None
    stuck: bool = False


class Restorer:
    """Gives originals back; for one thread.

    Whoever may write HeliosTargets may write the annotation there, and must get nothing by it that they could not do themselves:
    no object is overwritten that Helios had not taken over, and none is made that would send the cluster's credentials somewhere.

    Args:
        door: the API server.
        clock: seconds that only move forward.
        wait_seconds: KEDA is waited for so long.
        trusting: whether a HeliosTarget's word suffices where the copy on what it adopted was taken off, as it does for a person
            with rights of their own. An operator writes over nothing but what carries that copy.
    """

    def __init__(
        self,
        door: Door,
        clock: Callable[[], float] = time.monotonic,
        wait_seconds: float = WAIT_SECONDS,
        *,
        trusting: bool = False,
    ) -> None:
        self._door, self._clock, self._wait_seconds, self._trusting = door, clock, wait_seconds, trusting
        self._since: dict[
            tuple[str, str], tuple[str, float]
        ] = {}  # a ScaledObject -> its uid, first seen going

    def restore(
        self,
        namespace: str,
        original: Original,
        managed: Object | None,
        replicas: int | None,
        *,
        uid: str | None = None,
    ) -> Progress:
        """Take the step that is due; to be called again, a second or so later, until it is done.

        An HPA comes back in its own place, with its uid. The ScaledObject that took it over is deleted, and a finalizer of ours
        holds it until KEDA has taken off its own: a reconcile that was under way then has ended, which would write the HPA with
        an owner that is gone, and the garbage collector would delete it (controllers/keda/hpa.go, updateHPAIfNeeded, does not
        look who wrote since). Then the original is put back, and only then the ScaledObject goes. A ScaledObject is put back
        where it stands.

        Args:
            namespace: of the target and of all it adopted.
            original: what is to be given back.
            managed: the ScaledObject in its place, as last seen; None if there was none.
            replicas: of the workload, for where neither an HPA nor its scale tells; None where unknown.
            uid: of the HeliosTarget that it was adopted by: what another one has taken over is left to that; None: whosever.

        Raises:
            ClusterError: ClusterForbidden, ClusterUnreachable, or ClusterRefused in the words of a server or a webhook; to be
                tried again.
        """
        if original.kind == "ScaledObject":
            return self._put_back(namespace, original, replicas, "", uid=uid)
        waits, late, owner = self._let_go(namespace, original, managed, uid)
        if waits:
            return Progress(done=False, said=waits)
        if owner is not None:
            original = _copied(owner, original)
        progress = self._put_back(namespace, original, replicas, late, owner, uid=uid)
        if not progress.done or owner is None or not _holds(owner, FINALIZER):
            return progress
        if late:  # a KEDA that is slow may write yet, and with the ScaledObject the HPA would go
            return replace(progress, done=not self._trusting, stuck=True)
        self._hold(owner, hold=False)
        return replace(progress, done=False)

    def _put_back(
        self,
        namespace: str,
        original: Original,
        replicas: int | None,
        late: str,
        owner: Object | None = None,
        *,
        uid: str | None,
    ) -> Progress:
        """The original in its place; `owner` is the ScaledObject that took the HPA over, where it is still there."""
        live = self._found(original.api_version, original.plural, namespace, original.name)
        if live is None:
            return self._made_again(namespace, original, replicas)
        ours = self._touched(live, original, uid) or (owner is not None and _scaled_by(live, owner))
        if _anothers(live, uid) or not ours:
            return self._settled(live, original, late, uid)
        original = _copied(live, original)
        newest = applied_anew(original, live)
        original = newest or original
        if live["metadata"].get("deletionTimestamp"):
            said = f"{_named(original)} is being deleted: it is made again once it is gone"
            return Progress(done=False, said=said)
        most = self._replicas(namespace, original, live, replicas)
        raised = most if original.raised(most) else None
        try:
            self._door.replace(original.manifest(namespace, live, most))
        except (ClusterConflict, ClusterMissing):
            return Progress(done=False, said=f"{_named(original)} changes under way: it is looked at again")
        except ClusterRefused as error:
            if running(self._door, namespace, original.spec).exists:
                raise
            # KEDA's webhook takes no ScaledObject with a cpu trigger then (scaledobject_webhook.go, verifyCPUMemoryScalers)
            said = (
                f"{_named(original)} scales a workload that is gone, and stays as it is: delete it ({error})"
            )
            return Progress(done=True, said=said, stuck=True)
        how = ", as its user has applied it since" if newest else ""
        return Progress(False, f"{_named(original)} was put back{how}: it is looked at once more", raised)

    def _let_go(
        self, namespace: str, original: Original, managed: Object | None, uid: str | None
    ) -> tuple[str, str, Object | None]:
        """Free the HPA of the ScaledObject: what is waited for; what is to be said though nothing is; the ScaledObject."""
        name = managed["metadata"]["name"] if managed is not None else self._holder(namespace, original)
        owner = self._found(KEDA_VERSION, _SCALED_OBJECTS, namespace, name) if name else None
        if owner is None or not _marked(owner) or _anothers(owner, uid):
            self._since.pop((namespace, name), None)
            return "", "", None
        own = owner["metadata"]["uid"]
        if not owner["metadata"].get("deletionTimestamp"):
            # where another process was first, or wrote it anew, the next look tells
            if _holds(owner, FINALIZER) or self._hold(owner, hold=True):
                with contextlib.suppress(ClusterConflict, ClusterMissing):
                    self._door.delete(KEDA_VERSION, _SCALED_OBJECTS, namespace, name, own, orphan=True)
            return f"KEDA lets go of {_named(original)}: ScaledObject {name} is being deleted", "", owner
        if _holds(owner, FINALIZER) and not _holds(owner, KEDA_FINALIZER):
            return "", "", owner
        known, since = self._since.get((namespace, name), ("", 0.0))
        if known != own:
            since = self._clock()
            self._since[namespace, name] = own, since
        if self._clock() - since < self._wait_seconds:
            return f"KEDA has still to let go of ScaledObject {name}", "", owner
        late = f"; ScaledObject {name} waits for KEDA, which does not answer, and goes once it does"
        if self._trusting:
            late += ": run this again then, or, where KEDA is gone for good, take the finalizers off it"
        return "", late, owner

    def _hold(self, owner: Object, *, hold: bool) -> bool:
        """Put our finalizer on a ScaledObject, or take it off; whether that is so now, or is done without."""
        metadata = owner["metadata"]
        kept = [one for one in metadata.get("finalizers") or () if one != FINALIZER]
        finalizers = [*kept, FINALIZER] if hold else kept
        try:
            self._door.replace({**owner, "metadata": {**metadata, "finalizers": finalizers}})
        except (ClusterConflict, ClusterMissing):
            return False
        except ClusterRefused:
            if not hold:
                raise
            # a webhook that is down goes with a KEDA that is down: nothing is under way then
        return True

    def _holder(self, namespace: str, original: Original) -> str:
        """The ScaledObject that owns the HPA, by the HPA's own word."""
        live = self._found(HPA_VERSION, _HPAS, namespace, original.name)
        return (keda_owner(live) or "") if live is not None else ""

    def _made_again(self, namespace: str, original: Original, replicas: int | None) -> Progress:
        """Where nothing stands in its place."""
        other = self._other(namespace, original)
        if other:
            return Progress(
                done=True, said=f"{_named(original)} is gone, and {other} scales its workload now"
            )
        now = running(self._door, namespace, original.spec)
        if not now.exists:
            said = f"{_named(original)} is gone, and so is its workload: it is not made again"
            return Progress(done=True, said=said)
        replicas = replicas if now.count is None else now.count
        foreign = original.cluster_credentials
        if foreign:
            said = f"{_named(original)} was deleted meanwhile; it uses ClusterTriggerAuthentication {foreign[0]}, so apply it again by hand"
            if self._trusting:
                said += f", and run this once more (what it was stands in annotation {ADOPTED} of the HeliosTarget)"
            return Progress(done=not self._trusting, said=said, stuck=self._trusting)
        raised = replicas if original.raised(replicas) else None
        try:
            self._door.create(original.manifest(namespace, None, replicas))
        except ClusterConflict:
            return Progress(done=False, said=f"{_named(original)} appears just now: it is looked at again")
        except ClusterMissing as error:  # its namespace, or its very kind, is gone or going
            return Progress(done=True, said=f"{_named(original)} cannot be made again: {error}")
        return Progress(
            False, f"{_named(original)} was gone and is made again: it is looked at once more", raised
        )

    def _other(self, namespace: str, original: Original) -> str:
        """Who else scales the workload, in words: two autoscalers stop each other."""
        found = [("HorizontalPodAutoscaler", one) for one in self._door.list(HPA_VERSION, _HPAS, namespace)]
        try:
            objects = [
                ("ScaledObject", one) for one in self._door.list(KEDA_VERSION, _SCALED_OBJECTS, namespace)
            ]
        except ClusterMissing:
            objects = []
        for kind, one in (*objects, *found):
            if (
                scaled(one) == scaled({"metadata": {"namespace": namespace}, "spec": original.spec})
                and not one["metadata"].get("deletionTimestamp")
                and not _marked(one)
                and keda_owner(one) != original.name  # what KEDA made for the original goes with it
            ):
                return f"{kind} {one['metadata']['name']}"
        return ""

    def _settled(self, live: Object, original: Original, late: str, uid: str | None) -> Progress:
        """Of what is not ours to put back: another HeliosTarget's, as it was, or as its user made it since."""
        if _anothers(live, uid):
            said = f"{_named(original)} is another HeliosTarget's now, and is left to it"
            return Progress(done=True, said=said)
        if annotation(live, OWNER) is not None:
            said = (
                f"{_named(original)} is as Helios wrote it, and its own copy of what it was ({ADOPTED}) was taken off: run "
                f"helios release, or take {OWNER} and {FORM} off it to keep it as your own"
            )
            return Progress(done=False, said=said, stuck=True)
        most = (live.get("spec") or {}).get(MAXIMA[original.kind])
        raised = most if original.raised(most) else None
        if live.get("spec") != original.manifest("", None, raised)["spec"]:
            return Progress(
                done=True, said=f"{_named(original)} is its user's own, and is left as it is{late}"
            )
        free = disowned(live)
        if free is not None:
            try:
                self._door.replace(free)
            except (ClusterConflict, ClusterMissing):
                return Progress(
                    done=False, said=f"{_named(original)} changes under way: it is looked at again"
                )
        but = f", but that its maximum is {raised}, so that no replica is cut" if raised is not None else ""
        return Progress(True, f"{_named(original)} is as it was{but}{late}", raised)

    def _touched(self, live: Object, original: Original, uid: str | None) -> bool:
        """Whether Helios, or KEDA on its behalf, wrote what stands there: KEDA copies a ScaledObject's annotations to its HPA.

        Where its copy was taken off, the HeliosTarget's word suffices to the HeliosTarget that took it over, but for credentials.
        """
        marks = live["metadata"].get("annotations") or {}
        own = uid is not None and marks.get(OWNER) == uid and not original.cluster_credentials
        telling = (ADOPTED, OWNER) if self._trusting or own else (ADOPTED,)
        return any(name in marks and marks[name] != original.annotations.get(name) for name in telling)

    def _replicas(self, namespace: str, original: Original, live: Object, replicas: int | None) -> int | None:
        """Of the workload: by its HPA's word, which is seconds old, by its own, or else as was told."""
        hpa: Object | None = live
        if original.kind == "ScaledObject":
            name = (live.get("status") or {}).get("hpaName")
            hpa = self._found(HPA_VERSION, _HPAS, namespace, str(name)) if name else None
        status = (hpa or {}).get("status") or {}
        told = [status[name] for name in ("currentReplicas", "desiredReplicas") if status.get(name)]
        if told:
            return int(max(told))
        now = running(self._door, namespace, original.spec)
        return replicas if now.count is None else now.count

    def _found(self, api_version: str, plural: str, namespace: str, name: str) -> Object | None:
        try:
            return self._door.get(api_version, plural, namespace, name)
        except ClusterMissing:
            return None


def disowned(live: Object) -> dict[str, Any] | None:
    """The object without Helios among the managers of its fields; None where Helios manages none.

    Who applies it server-side would otherwise conflict with somebody who has left.
    """
    managers = live["metadata"].get("managedFields") or []
    kept = [one for one in managers if one.get("manager") != FIELD_MANAGER]
    if len(kept) == len(managers):
        return None
    # an empty list would leave them as they are
    return {**live, "metadata": {**live["metadata"], "managedFields": kept or [{}]}}


def _scaled_by(hpa: Object, owner: Object) -> bool:
    """Whether KEDA wrote an HPA for a ScaledObject, though somebody has taken its annotations off (controllers/keda/hpa.go)."""
    name = owner["metadata"]["name"]
    if keda_owner(hpa) == name:
        return True
    metrics = ((one.get("external") or {}).get("metric") or {} for one in hpa["spec"].get("metrics") or ())
    selectors = ((one.get("selector") or {}).get("matchLabels") or {} for one in metrics)
    return any(one.get("scaledobject.keda.sh/name") == name for one in selectors)


def _copied(live: Object, original: Original) -> Original:
    """What stands there has a copy of its own, and who could write that could write the object itself."""
    copy = Original.parsed(annotation(live, ADOPTED))
    same = copy is not None and (copy.kind, copy.name) == (original.kind, original.name)
    return copy if copy is not None and same else original


def _marked(one: Object) -> bool:
    return not (one["metadata"].get("annotations") or {}).keys().isdisjoint(_MARKS)


def _anothers(one: Object, uid: str | None) -> bool:
    """Whether another HeliosTarget than the one with this uid has taken it over."""
    return uid is not None and annotation(one, OWNER) not in (None, uid)


def _holds(one: Object, finalizer: str) -> bool:
    return finalizer in (one["metadata"].get("finalizers") or ())


def _named(original: Original) -> str:
    return f"{original.kind} {original.name}"

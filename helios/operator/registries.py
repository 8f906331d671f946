"""Every HeliosTarget as it was last seen, whoever saw it: the watch, or a list that finds what the watch has lost.

A watch alone leaves ghosts: what vanishes while it is disconnected is never reported. So a list, now and then, decides what
exists. Nothing here talks to Kubernetes, and nothing here decides on replicas.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from helios.operator.resources import HeliosTarget, HeliosTargetSpec
from scoring.policies import Target

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is to be scored, as of one moment.

    Attributes:
        version: another number whenever `scored` is another.
        targets: every HeliosTarget, the older first.
        scored: those that have their workload to themselves, as the core takes them, by their last valid spec.
        owners: `(namespace, name of the workload)` -> the HeliosTarget that speaks for it.
        conflicts: key of a HeliosTarget -> the older one that has its workload.
        leaving: those that are being deleted and wait until what they have adopted is given back; neither scored nor in
            `targets`.
    """

    version: int = 0
    targets: tuple[HeliosTarget, ...] = ()
    scored: tuple[Target, ...] = ()
    owners: Mapping[tuple[str, str], HeliosTarget] = field(default_factory=dict)
    conflicts: Mapping[Key, HeliosTarget] = field(default_factory=dict)
    leaving: tuple[HeliosTarget, ...] = ()

    @property
    def unscored(self) -> Mapping[str, int]:
        """Reason -> how many targets are not scored for it."""
        invalid = sum(target.spec is None for target in self.targets)
        return {"conflict": len(self.conflicts), "invalid": invalid}


class Registry:
    """Fed by the watch's thread and the lister's, read by the loop's and the reconciler's.

    Attributes:
        listed: set once there was a whole list.
        edits: how many targets came, or were edited by a user, so far.

    Args:
        parse: a body as the API server gives it -> a HeliosTarget; never raises.
    """

    def __init__(self, parse: Callable[[Mapping[str, Any]], HeliosTarget]) -> None:
        self._parse = parse
        self._lock = threading.Lock()
        self._targets: dict[Key, HeliosTarget] = {}
        self._leaving: dict[Key, HeliosTarget] = {}
        self._cores: dict[Key, tuple[str, HeliosTargetSpec, Target]] = {}
        self._touched: dict[Key, int] = {}
        self._count = 0
        self._roster = Roster()
        self._stale = False
        self.listed = threading.Event()
        self.edits = 0

    def __len__(self) -> int:
        return len(self._targets)

    def see(self, body: Mapping[str, Any], *, deleted: bool = False) -> None:
        """Take one object from the watch."""
        key = _key(body)
        if key is None:
            return
        ending = deleted or bool(body["metadata"].get("deletionTimestamp"))
        known = self._targets.get(key)
        if ending and known is not None and body["metadata"].get("uid") not in {None, known.uid}:
            return  # the end of one that had the name before
        target = None if deleted else self._read(key, body)
        with self._lock:
            self._count += 1
            self._touched[key] = self._count
            self._put(key, target)

    def wrote(self, target: HeliosTarget, answer: Mapping[str, Any]) -> None:
        """Take the status that was just written to a target: the watch may be late, or silent."""
        status = answer.get("status")
        with self._lock:
            key = (target.namespace, target.name)
            known = self._targets.get(key)
            if known is None or (known.uid, known.generation) != (target.uid, target.generation):
                return
            if isinstance(status, Mapping):
                self._put(key, replace(known, status=status))

    def marked(self, target: HeliosTarget, answer: Mapping[str, Any]) -> None:
        """Take the annotations and finalizers that were just written to a target, unless the watch has told of more since."""
        key = (target.namespace, target.name)
        fresh = self._read(key, answer) if _key(answer) == key else None
        with self._lock:
            known = self._targets.get(key) or self._leaving.get(key)
            if fresh is not None and known is not None and known.resource_version == target.resource_version:
                self._put(key, fresh)

    def begin_listing(self) -> int:
        """What has been seen until now; to be given to `take` with what the list brings."""
        with self._lock:
            return self._count

    def take(self, bodies: Iterable[Mapping[str, Any]], since: int) -> tuple[int, int]:
        """Take a whole list begun at `since`: drop what is not in it, but believe the watch in what it told since.

        Returns:
            how many were new, and how many had vanished unseen.
        """
        found = {}
        for body in bodies:
            key = _key(body)
            if key is not None:
                found[key] = self._read(key, body)
        with self._lock:
            told = {key for key, count in self._touched.items() if count > since}
            there = {key for key, target in found.items() if not target.deleting}
            gone = [key for key in self._targets if key not in there and key not in told]
            new = [key for key in there if key not in self._targets and key not in told]
            for key in [*gone, *(key for key in self._leaving if key not in found and key not in told)]:
                self._put(key, None)
            for key, target in found.items():
                if key not in told:
                    self._put(key, target)
            self._touched = {key: self._touched[key] for key in told}
        self.listed.set()
        return len(new), len(gone)

    def roster(self) -> Roster:
        """Who is to be scored now."""
        with self._lock:
            if self._stale:
                self._stale, before = False, self._roster
                made = self._made()
                same = made.scored == before.scored
                self._roster = replace(made, version=before.version if same else before.version + 1)
            return self._roster

    def _made(self) -> Roster:
        """The roster of what is known. Of two on one workload, or of two kinds of one name, the older wins."""
        ordered = sorted(self._targets.values(), key=lambda t: (t.created, t.namespace, t.name))
        owners: dict[tuple[str, str], HeliosTarget] = {}
        conflicts: dict[Key, HeliosTarget] = {}
        scored = []
        for target in ordered:
            core = self._core(target)
            if core is None:
                continue
            owner = owners.setdefault((core.namespace, core.deployment), target)
            if owner is target:
                scored.append(core)
            else:
                conflicts[target.namespace, target.name] = owner
        return Roster(0, tuple(ordered), tuple(scored), owners, conflicts, tuple(self._leaving.values()))

    def _core(self, target: HeliosTarget) -> Target | None:
        """The target as the core takes it, with what its annotations ask for; of two mutes the later one counts."""
        core, asked = self._wished(target), target.asked
        if core is None or (asked.muted_until is None and asked.acknowledged is None):
            return core
        mutes = [until for until in (core.muted_until, asked.muted_until) if until is not None]
        return replace(core, muted_until=max(mutes, default=None), acknowledged=asked.acknowledged)

    def _wished(self, target: HeliosTarget) -> Target | None:
        """The spec as the core takes it, made once per spec; after an edit that is not valid, the one before it.

        A workload that KEDA scales on its forecast must not lose it, nor its ledger, for a slip of the hand.
        """
        key = (target.namespace, target.name)
        known = self._cores.get(key)
        if target.spec is None:
            return known[2] if known is not None and known[0] == target.uid else None
        if known is None or known[1] is not target.spec:
            known = self._cores[key] = (target.uid, target.spec, target.spec.target(target.namespace))
        return known[2]

    def _read(self, key: Key, body: Mapping[str, Any]) -> HeliosTarget:
        """The body as a target; a spec that is as it was stays the same object.

        A generation does not tell: an exchanged CRD gives and takes fields under the same one.
        """
        known, fresh = self._targets.get(key), self._parse(body)
        if known is not None and (known.uid, known.spec) == (fresh.uid, fresh.spec):
            return replace(fresh, spec=known.spec)
        return fresh

    def _put(self, key: Key, target: HeliosTarget | None) -> None:
        """Know it so from now on; None, and one that is being deleted: not any more, but that it may wait for us."""
        if target is not None and target.deleting:
            leaving = target if target.guarded else None
            target = None
        else:
            leaving = None
        if leaving != self._leaving.get(key):
            self._stale = True
            self.edits += leaving is not None and key not in self._leaving
            if leaving is None:
                del self._leaving[key]
            else:
                self._leaving[key] = leaving
        if target is None:
            self._cores.pop(key, None)
            self._stale |= self._targets.pop(key, None) is not None
        elif (known := self._targets.get(key)) != target:
            self._targets[key] = target
            self._stale = True
            self.edits += known is None or _edition(known) != _edition(target)


def _edition(target: HeliosTarget) -> tuple[object, ...]:
    """What a user can change: an annotation has no part in the generation."""
    return target.uid, target.generation, target.asked


def _key(body: Mapping[str, Any]) -> Key | None:
    """Namespace and name; None for what is no object at all."""
    metadata = body.get("metadata")
    if not isinstance(metadata, Mapping) or not metadata.get("name"):
        return None
    return str(metadata.get("namespace", "")), str(metadata["name"])

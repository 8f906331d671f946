"""Who scales what in the cluster, as listed once per pass: every ScaledObject, and the HPAs that KEDA did not make.

Values alone: nothing is asked of the API server here, and nothing is decided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from helios.operator.adoptions import ADOPTED, Original
from helios.operator.marks import OWNER, Object, Place, annotation, keda_owner, owner, scaled
from helios.operator.resources import HeliosTarget

Name = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Autoscalers:
    """Who scales what, as listed once per pass.

    Attributes:
        served: whether KEDA's resources exist in this cluster.
        objects: every ScaledObject by namespace and name.
        scalers: workload -> who scales it: (`ScaledObject x`, uid of the HeliosTarget that manages it or "").
        hpas: the HPAs that were asked for by namespace and name, whoever made them; of the others no more is kept.
        successors: uid of a HeliosTarget -> the ScaledObjects in the place of what it has adopted; one, as a rule.
        halfway: namespace and uid of a HeliosTarget -> the HPA that it had adopted, its ScaledObject gone, and not given back yet.
    """

    served: bool = False
    objects: Mapping[Name, Object] = field(default_factory=dict)
    scalers: Mapping[Place, Sequence[tuple[str, str]]] = field(default_factory=dict)
    hpas: Mapping[Name, Object] = field(default_factory=dict)
    successors: Mapping[str, Sequence[Object]] = field(default_factory=dict)
    halfway: Mapping[tuple[str, str], Object] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        scaled_objects: Iterable[Object] | None,
        hpas: Iterable[Object],
        named: Collection[Name] = frozenset(),
    ) -> Autoscalers:
        """From the lists; None where KEDA's resources do not exist. An HPA that KEDA made counts as its ScaledObject.

        Args:
            scaled_objects: all of them, of the cluster or of some namespaces.
            hpas: the same.
            named: namespaces and names of the HPAs to be kept whole, and of the ScaledObjects whose HPAs are.
        """
        objects: dict[Name, Object] = {}
        scalers: dict[Place, list[tuple[str, str]]] = {}
        kept: dict[Name, Object] = {}
        successors: dict[str, list[Object]] = {}
        halfway: dict[tuple[str, str], Object] = {}
        wanted = set(named)
        for one in scaled_objects or ():
            name, namespace = one["metadata"]["name"], one["metadata"]["namespace"]
            objects[namespace, name] = one
            if (namespace, name) in named:
                wanted.add((namespace, str((one.get("status") or {}).get("hpaName", ""))))
            uid = owner(one)
            if annotation(one, OWNER) is not None and uid:
                if _genuine(one):
                    successors.setdefault(uid, []).append(one)
                else:
                    uid = ""  # a copy that somebody made of one of ours, marks and all
            scalers.setdefault(scaled(one), []).append((f"ScaledObject {name}", uid))
        for one in hpas:
            name, namespace = one["metadata"]["name"], one["metadata"]["namespace"]
            if (namespace, name) in wanted:
                kept[namespace, name] = one
            keeper, adopter = keda_owner(one), annotation(one, OWNER)
            if adopter and (namespace, keeper) not in objects and _genuine(one):
                halfway[namespace, adopter] = one
            if keeper is None:
                scalers.setdefault(scaled(one), []).append((f"HorizontalPodAutoscaler {name}", ""))
        return cls(scaled_objects is not None, objects, scalers, kept, successors, halfway)

    def own(self, target: HeliosTarget) -> Object | None:
        """The ScaledObject that this target manages: its owner, and the operator's own mark."""
        found = self.successor(target)
        if found is not None:
            return found
        found = self.objects.get((target.namespace, target.name))
        return found if found is not None and owner(found) == target.uid else None

    def successor(self, target: HeliosTarget) -> Object | None:
        """The ScaledObject in the place of what this target has adopted."""
        return next(
            (
                one
                for one in self.successors.get(target.uid, ())
                if one["metadata"]["namespace"] == target.namespace
            ),
            None,
        )

    def orphans(self, owners: Collection[tuple[str, str]]) -> Iterator[tuple[str, Object]]:
        """What was adopted by a target that is none of these: what stands in its place, or it itself, and that target's uid.

        Args:
            owners: namespace and uid of each target: in a copy of a namespace the marks name the first one's.
        """
        for uid, objects in self.successors.items():
            yield from ((uid, one) for one in objects if (one["metadata"]["namespace"], uid) not in owners)
        yield from ((place[1], one) for place, one in self.halfway.items() if place not in owners)

    def others(self, target: HeliosTarget, *, but: str = "") -> list[str]:
        """Who else scales the target's workload.

        Args:
            target: whose.
            but: the one that it adopts, as `ScaledObject x`.
        """
        _, kind, name = target.reference
        found = self.scalers.get((target.namespace, kind, name), ())
        return [who for who, uid in found if uid != target.uid and who != but]


def _genuine(one: Object) -> bool:
    """Whether a ScaledObject or an HPA that carries an adopter's mark stands where its copy of the original says."""
    original, spec = Original.parsed(annotation(one, ADOPTED)), one.get("spec") or {}
    if original is None:
        return "triggers" in spec  # whatever it was, it is in force, and nobody else's
    if ("triggers" in spec) == (original.kind == "ScaledObject"):
        return bool(original.name == one["metadata"]["name"])
    if "triggers" not in spec:
        return (
            False  # KEDA's own HPA of an adopted ScaledObject has its annotations, and was never an original
        )
    config = (spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}
    return bool(config.get("name") == original.name)

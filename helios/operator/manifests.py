"""The ScaledObject that Autoscale would write, as YAML to read, to keep in Git, or to apply by hand; in every mode.

Of a target that names an autoscaler in `keda.adopt` it is what would stand in that one's place, with all that goes on counting.
Applied by hand it is the user's own: without owner and mark of the operator, which then says OwnedElsewhere.
"""

from __future__ import annotations

from typing import Any

import yaml

from helios.errors import HeliosError
from helios.operator.adoptions import Original
from helios.operator.clusters import Cluster
from helios.operator.decisions import Surroundings
from helios.operator.editions import applied_anew
from helios.operator.plans import named
from helios.operator.refusals import refused, standing
from helios.operator.resources import API_VERSION, GROUP, PLURAL, AdoptRef, HeliosTarget
from helios.operator.scaledobjects import MANAGED_BY, Form, KedaDefaults, lacking, scaled_object
from helios.operator.successors import anew, cpu_driven, successor
from helios.operator.surveys import survey
from helios.operator.takeovers import kept
from helios.operator.tolerances import Tolerances
from helios.operator.workloads import Workload, WorkloadReader


def shown(target: HeliosTarget, cluster: Cluster, defaults: KedaDefaults) -> str:
    """The manifest, with a cpu guard where the workload's containers request cpu.

    Raises:
        HeliosError: the target is not valid, KEDA could not reach Prometheus by it, or what it names could not be adopted.
        ClusterError: the workload or its autoscalers cannot be read.
    """
    where = f"{target.namespace}/{target.name}"
    if target.spec is None:
        raise HeliosError(f"HeliosTarget {where} is not valid: {target.problem}")
    lack = lacking(target, defaults)
    if lack is not None:
        raise HeliosError(f"HeliosTarget {where}: {lack[1]}")
    api_version, kind, name = target.reference
    reader = WorkloadReader(cluster, lambda: {(target.namespace, name): api_version})
    found = reader.read([(target.namespace, name, kind)]).get((target.namespace, kind, name))
    guard = None if found is None else found.cpu_requested
    tolerance = Tolerances(cluster).are_known()
    if target.spec.keda.adopt is None:
        forecast = Form.FORECAST
        made = scaled_object(target, defaults, form=forecast, cpu_guard=guard is True, tolerance=tolerance)
    else:
        original = _original(target, target.spec.keda.adopt, cluster, found, defaults)
        guard = cpu_driven(original) if guard is None else guard
        whole = successor(target, original, defaults, cpu_guard=guard, tolerance=tolerance)
        made = dict(anew(whole, original))
    text: str = yaml.safe_dump({**made, "metadata": _unmarked(made["metadata"])}, sort_keys=False, width=120)
    return text


def fetched(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    """A HeliosTarget as the API server has it.

    Raises:
        ClusterError: there is none, or it cannot be read.
    """
    return cluster.get(API_VERSION, PLURAL, namespace, name)


def _original(
    target: HeliosTarget, wish: AdoptRef, cluster: Cluster, workload: Workload | None, defaults: KedaDefaults
) -> Original:
    """What is adopted, or would be."""
    seen = survey(cluster, named([target]), [target.namespace])
    around = Surroundings(seen, defaults, tolerance=False, now=0.0)
    held = seen.successor(target)
    before = kept(target, held, around)
    if before is not None and (before.kind, before.name) == (wish.kind, wish.name):
        return applied_anew(before, held) or before
    refusal = refused(target, wish.kind, wish.name, workload, around)
    live = standing(target, wish, around)
    if refusal is not None or live is None:
        why = f": {refusal.message}" if refusal is not None else ""
        raise HeliosError(
            f"HeliosTarget {target.namespace}/{target.name}: Autoscale would write nothing{why}"
        )
    return Original.of(wish.kind, live)


def _unmarked(metadata: dict[str, Any]) -> dict[str, Any]:
    """As of nobody: whoever applies it owns it, and the operator then leaves the workload alone."""
    marks, ours = metadata.get("annotations") or {}, MANAGED_BY.items()
    annotations = {name: text for name, text in marks.items() if not name.startswith(f"{GROUP}/")}
    labels = {name: text for name, text in (metadata.get("labels") or {}).items() if (name, text) not in ours}
    kept = {name: metadata[name] for name in ("name", "namespace")}
    return (
        kept | ({"labels": labels} if labels else {}) | ({"annotations": annotations} if annotations else {})
    )

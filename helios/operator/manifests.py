"""The ScaledObject that Autoscale would write, as YAML to read, to keep in Git, or to apply by hand; in every mode.

Applied by hand it is the user's own: without owner and mark of the operator, which then says OwnedElsewhere.
"""

from __future__ import annotations

from typing import Any

import yaml

from helios.errors import HeliosError
from helios.operator.clusters import Cluster
from helios.operator.resources import API_VERSION, PLURAL, HeliosTarget
from helios.operator.scaledobjects import Form, KedaDefaults, lacking, scaled_object
from helios.operator.tolerances import Tolerances
from helios.operator.workloads import WorkloadReader


def shown(target: HeliosTarget, cluster: Cluster, defaults: KedaDefaults) -> str:
    """The manifest, with a cpu guard where the workload's containers request cpu.

    Raises:
        HeliosError: the target is not valid, or KEDA could not reach Prometheus by it.
        ClusterError: the workload cannot be read.
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
    guard = found is not None and found.cpu_requested is True
    tolerance = Tolerances(cluster).are_known()
    manifest = scaled_object(target, defaults, form=Form.FORECAST, cpu_guard=guard, tolerance=tolerance)
    # whoever applies it owns it: the operator then leaves the workload alone
    del manifest["metadata"]["ownerReferences"], manifest["metadata"]["labels"]
    text: str = yaml.safe_dump(manifest, sort_keys=False, width=120)
    return text


def fetched(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    """A HeliosTarget as the API server has it.

    Raises:
        ClusterError: there is none, or it cannot be read.
    """
    return cluster.get(API_VERSION, PLURAL, namespace, name)

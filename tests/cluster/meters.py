"""metrics.k8s.io as metrics-server would serve it, told by a shop: what makes the HPA's own cpu trigger real."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.cluster.pods import Pod
from tests.cluster.servers import Answer
from tests.cluster.shops import METER_SECONDS, Shop, Workload

GROUP_VERSION = "metrics.k8s.io/v1beta1"
ROOT = f"/apis/{GROUP_VERSION}"

_RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": GROUP_VERSION,
    "resources": [
        {
            "name": "pods",
            "singularName": "",
            "namespaced": True,
            "kind": "PodMetrics",
            "verbs": ["get", "list"],
        }
    ],
}


def meter(shop: Shop) -> Answer:
    """Answers the API server's requests."""

    async def answer(request: Request) -> Response:
        path = request.url.path.rstrip("/")
        if path == ROOT:
            return JSONResponse(_RESOURCES)
        parts = path.removeprefix(f"{ROOT}/").split("/")
        if parts == ["pods"]:
            parts = ["namespaces", "", "pods"]
        if not path.startswith(ROOT) or len(parts) != 3 or (parts[0], parts[2]) != ("namespaces", "pods"):
            return JSONResponse({"kind": "Status", "apiVersion": "v1", "code": 404}, status_code=404)
        selector = _selector(request.query_params.get("labelSelector", ""))
        rates = shop.rates()
        items = [
            _measured(workload, pod, rates.get(pod.key, 0.0))
            for workload in shop.workloads(parts[1] or None)
            for pod in workload.ready
            if selector.items() <= pod.labels.items()
        ]
        return JSONResponse(
            {"kind": "PodMetricsList", "apiVersion": GROUP_VERSION, "metadata": {}, "items": items}
        )

    return answer


def _measured(workload: Workload, pod: Pod, cores: float) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    share = {"memory": f"{round(workload.memory / len(pod.containers))}"}
    busy = f"{round(cores * 1e9)}n"
    return {
        "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": dict(pod.labels)},
        "timestamp": now,
        "window": f"{METER_SECONDS:.0f}s",
        "containers": [
            {"name": name, "usage": {"cpu": busy if number == 0 else "0", **share}}
            for number, name in enumerate(pod.containers)
        ],
    }


def _selector(text: str) -> Mapping[str, str]:
    """`a=b,c=d`, the only form that a Deployment's matchLabels give.

    Raises:
        ValueError: it is another.
    """
    return dict(part.replace("==", "=").split("=", 1) for part in text.split(",") if part)

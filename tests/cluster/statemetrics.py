"""A real kube-state-metrics on a control plane: what the dashboards compare recommendations with.

It may list and watch three kinds and nothing else. The replica counts of workloads are told by the shop's own view (`exhibits`)
too, as in a cluster with two of these: whoever asks takes the maximum.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Self

from tests.cluster.control_planes import Command, ControlPlane, answers, environment
from tests.cluster.processes import LOOPBACK, Process, free_port

NAME = "kube-state-metrics"
RESOURCES = {
    "apps": ("deployments", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
}


class StateMetrics:
    """Started with the block and ended with it.

    Attributes:
        address: of its /metrics.
    """

    def __init__(self, plane: ControlPlane) -> None:
        """Nothing runs yet."""
        self._plane = plane
        self._ports = {name: free_port() for name in ("metrics", "telemetry")}
        self.address = f"{LOOPBACK}:{self._ports['metrics']}"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._plane.apply(*_rights())
        command: Command = [
            self._plane.binary(NAME),
            f"--kubeconfig={self._plane.service_account('kube-system', NAME)}",
            f"--resources={','.join(kind for kinds in RESOURCES.values() for kind in kinds)}",
            f"--host={LOOPBACK}",
            f"--port={self._ports['metrics']}",
            f"--telemetry-host={LOOPBACK}",
            f"--telemetry-port={self._ports['telemetry']}",
        ]
        folder = self._plane.folder
        process = Process(
            NAME,
            command,
            folder,
            ready=answers(f"http://{self.address}/metrics"),
            environment=environment(folder),
        )
        with ExitStack() as stack:
            stack.enter_context(process)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _rights() -> tuple[dict[str, Any], ...]:
    """Its account, and what that may read."""
    name = {"name": NAME}
    rules = [
        {"apiGroups": [group], "resources": list(kinds), "verbs": ["list", "watch"]}
        for group, kinds in RESOURCES.items()
    ]
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", **name}
    subject = {"kind": "ServiceAccount", "namespace": "kube-system", **name}
    return (
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"namespace": "kube-system", **name},
        },
        {**rbac, "kind": "ClusterRole", "metadata": name, "rules": rules},
        {
            **rbac,
            "kind": "ClusterRoleBinding",
            "metadata": name,
            "roleRef": role,
            "subjects": [subject],
        },
    )

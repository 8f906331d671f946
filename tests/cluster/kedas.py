"""A real KEDA on a control plane: operator, metrics adapter, admission webhooks, each a process of its own."""

from __future__ import annotations

import base64
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import yaml

from tests.cluster.control_planes import Command, ControlPlane, answers, environment
from tests.cluster.processes import LOOPBACK, Process, free_port
from tests.cluster.waits import wait_until

NAMESPACE = "keda"
EXTERNAL_METRICS = "external.metrics.k8s.io/v1beta1"


class Keda:
    """Started with the block and ended with it.

    Attributes:
        operator, adapter, webhooks: its processes; each asks the API server under its own name, `keda-…`.
        metrics_address: where its operator tells its own metrics, `keda_…`.
    """

    def __init__(self, control_plane: ControlPlane, binaries: Path, manifests: Path) -> None:
        """Nothing runs yet.

        Args:
            control_plane: where it will run.
            binaries: folder of its three programs.
            manifests: KEDA's own CRDs and webhook configuration.
        """
        self._control_plane = control_plane
        self._manifests = manifests
        self._binaries = binaries
        self._ports = {
            name: free_port() for name in ("grpc", "health", "told", "adapter", "metrics", "hooks", "alive")
        }
        self.metrics_address = f"{LOOPBACK}:{self._ports['told']}"
        self._certificates = _certificates(control_plane)
        self.operator, self.adapter, self.webhooks = self._operator(), self._adapter(), self._webhooks()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        plane = self._control_plane
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        types = sorted(self._manifests.glob("*keda.sh_*.yaml"))
        plane.apply(*(file.read_text(encoding="utf-8") for file in types))
        plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        with ExitStack() as stack:
            for process in (self.operator, self.adapter, self.webhooks):
                process.launch()
                stack.callback(process.stop)
            for process in (self.operator, self.adapter, self.webhooks):
                process.wait()
            plane.aggregate(EXTERNAL_METRICS, NAMESPACE, "keda-metrics-apiserver", self._ports["adapter"])
            plane.apply(self._hooks())
            wait_until(lambda: plane.serves(EXTERNAL_METRICS), 60, "KEDA's metrics are served", every=0.2)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _operator(self) -> Process:
        command: Command = [
            self._binaries / "keda-operator",
            f"--kubeconfig={self._control_plane.user('keda-operator')}",
            f"--metrics-service-bind-address={LOOPBACK}:{self._ports['grpc']}",
            f"--health-probe-bind-address={LOOPBACK}:{self._ports['health']}",
            f"--metrics-bind-address={self.metrics_address}",
            f"--cert-dir={self._certificates}",
            "--zap-log-level=info",
        ]
        return self._process("keda-operator", command, self._ports["health"])

    def _adapter(self) -> Process:
        kubeconfig = self._control_plane.user("keda-adapter")
        tls = self._certificates
        command: Command = [
            self._binaries / "keda-adapter",
            f"--kubeconfig={kubeconfig}",
            f"--lister-kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self._ports['adapter']}",
            f"--port={self._ports['metrics']}",
            f"--cert-dir={tls}",
            f"--tls-cert-file={tls / 'tls.crt'}",
            f"--tls-private-key-file={tls / 'tls.key'}",
            f"--metrics-service-address={LOOPBACK}:{self._ports['grpc']}",
            "--metrics-service-grpc-authority=localhost",
        ]
        return self._process("keda-adapter", command, None)

    def _webhooks(self) -> Process:
        command: Command = [
            self._binaries / "keda-webhooks",
            f"--kubeconfig={self._control_plane.user('keda-webhooks')}",
            f"--port={self._ports['hooks']}",
            f"--health-probe-bind-address={LOOPBACK}:{self._ports['alive']}",
            "--metrics-bind-address=0",
            f"--cert-dir={self._certificates}",
        ]
        return self._process("keda-webhooks", command, self._ports["alive"])

    def _process(self, name: str, command: Command, health: int | None) -> Process:
        home = self._control_plane.folder
        more = {"POD_NAMESPACE": NAMESPACE, "WATCH_NAMESPACE": "", "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE}
        ready = (lambda: True) if health is None else answers(f"http://{LOOPBACK}:{health}/readyz")
        return Process(name, command, home, ready=ready, environment={**environment(home), **more})

    def _hooks(self) -> dict[str, Any]:
        """KEDA's own configuration, but refusing while the webhooks are down, and reached on loopback."""
        text = (self._manifests / "validation_webhooks.yaml").read_text(encoding="utf-8")
        hooks: dict[str, Any] = yaml.safe_load(text)
        authority = base64.b64encode(self._control_plane.ca.read_bytes()).decode()
        for hook in hooks["webhooks"]:
            path = hook["clientConfig"]["service"]["path"]
            url = f"https://{LOOPBACK}:{self._ports['hooks']}{path}"
            hook["clientConfig"] = {"url": url, "caBundle": authority}
            hook["failurePolicy"] = "Fail"
        return hooks


def _certificates(plane: ControlPlane) -> Path:
    """The folder as KEDA wants it: `ca.crt`, `tls.crt`, `tls.key`."""
    folder = plane.folder / "keda-certificates"
    folder.mkdir()
    pair = plane.certificate("keda")
    for source, name in ((plane.ca, "ca.crt"), (pair.certificate, "tls.crt"), (pair.key, "tls.key")):
        shutil.copy(source, folder / name)
    return folder

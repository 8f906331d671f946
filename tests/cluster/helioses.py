"""Helios as it runs in its pod: `helios operator` and `helios serve`, two processes, under the shipped ClusterRole alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from tests.cluster.control_planes import ControlPlane, answers
from tests.cluster.processes import LOOPBACK, Process, free_port
from tests.cluster.prometheuses import Prometheus

ROOT = Path(__file__).parents[2]
RIGHTS = ROOT / "deploy" / "kustomize" / "base" / "rbac.yaml"
USER = "system:serviceaccount:helios:helios"
"""In the audit log."""

SPEED = 60
"""Of replayed traces: five trace-minutes are 5 s, a day is 24 minutes."""

DAY_SECONDS = 86_400 // SPEED
STEP_SECONDS = 300 // SPEED
COMMAND = (sys.executable, "-c", "from helios.cli import main; main()")


class Helios:
    """Started with the block and ended with it; its metrics are scraped from `helios serve`.

    Attributes:
        operator, serve: its processes, to be killed, frozen and started again.
        url: of `helios serve`; `operator_url`: of `helios operator`.
    """

    def __init__(
        self,
        plane: ControlPlane,
        prometheus: Prometheus,
        folder: Path,
        /,
        *,
        source: str | None = None,
        job: str = "helios",
        server: str | None = None,
        **more: Any,
    ) -> None:
        """Nothing runs yet.

        Args:
            plane: on which `install` was called.
            prometheus: that scrapes it, and that KEDA asks.
            folder: for logs and the snapshot.
            source: where the operator asks its questions, if not at `prometheus` itself.
            job: of the scrape; of two pods each has its own, and a folder.
            server: where it finds the API server, if not at its own address.
            more: sections of the settings, put over those here.
        """
        ports = {"operator": free_port(), "serve": free_port()}
        self.operator_url = operator_url = f"http://{LOOPBACK}:{ports['operator']}"
        self.url = f"http://{LOOPBACK}:{ports['serve']}"
        settings: dict[str, Any] = {
            "scoring": {
                "interval_seconds": STEP_SECONDS,
                "step_seconds": STEP_SECONDS,
                "day_seconds": DAY_SECONDS,
                "history_seconds": 5 * DAY_SECONDS,
                "state_path": str(folder / "state"),
                "snapshot_seconds": STEP_SECONDS,
            },
            "prometheus": {"url": source or prometheus.url, "window_seconds": 5, "timeout_seconds": 10},
            "operator": {"url": operator_url, "status_seconds": 5},
            "keda": {"server_address": prometheus.url},
        }
        for section, values in more.items():
            settings[section] = {**settings[section], **values}
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        own = {k: v for k, v in os.environ.items() if not k.startswith(("HELIOS_", "KUBE", "GCP_"))}
        kubeconfig = str(plane.service_account("helios", "helios", server))
        environment = {**own, "KUBECONFIG": kubeconfig, "HELIOS_LEASE_URL": operator_url}

        def process(name: str) -> Process:
            where = ["--config", config, "--host", LOOPBACK, "--port", str(ports[name])]
            url = operator_url if name == "operator" else self.url
            return Process(
                name, [*COMMAND, name, *where], folder, ready=answers(f"{url}/live"), environment=environment
            )

        self.operator, self.serve = process("operator"), process("serve")
        prometheus.scrape(job, f"{LOOPBACK}:{ports['serve']}")

    def metrics(self) -> str:
        """What Prometheus is told."""
        return httpx.get(f"{self.url}/metrics", timeout=10, trust_env=False).text

    def target(self, namespace: str, name: str) -> dict[str, Any]:
        """The live report of one target, as the API gives it."""
        answer = httpx.get(f"{self.url}/targets/{namespace}/{name}", timeout=10, trust_env=False)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def __enter__(self) -> Self:
        self.operator.start()
        self.serve.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.operator.thaw() if self.operator.running else None
        self.serve.stop()
        self.operator.stop()


def called(
    plane: ControlPlane, *arguments: str, user: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command line, by an administrator unless said otherwise."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("HELIOS_", "KUBE", "GCP_"))}
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**own, "KUBECONFIG": str(user or plane.admin)},
    )


def install(plane: ControlPlane) -> None:
    """The resource, as `helios crd` prints it, and the rights."""
    printed = subprocess.run([*COMMAND, "crd"], capture_output=True, text=True, check=True)
    plane.apply(printed.stdout)
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "helios"}})
    plane.apply(RIGHTS.read_text(encoding="utf-8"))
    plane.kubectl("wait", "--for=condition=Established", "crd/heliostargets.helios.dev", "--timeout=30s")


def helios_target(
    namespace: str, name: str, *, mode: str = "Observe", most: int = 20, **spec: Any
) -> dict[str, Any]:
    """A HeliosTarget on the Deployment of its name."""
    return {
        "apiVersion": "helios.dev/v1alpha1",
        "kind": "HeliosTarget",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": name},
            "mode": mode,
            "replicas": {"min": 1, "max": most},
            "forecast": {"horizons": [60, 300]},
            "behavior": {"cooldownSeconds": 10},
            **spec,
        },
    }


def condition(plane: ControlPlane, namespace: str, name: str, kind: str) -> tuple[str, str, str]:
    """Status, reason and message of a HeliosTarget's condition; empty before it has one."""
    found = plane.api.get("HeliosTarget", name, namespace) or {}
    for one in found.get("status", {}).get("conditions", []):
        if one["type"] == kind:
            return one["status"], one["reason"], one["message"]
    return "", "", ""

"""The shipped kustomizations, applied as a user would apply them, and one of a test's own on top of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.control_planes import ControlPlane
from tests.cluster.helioses import DAY_SECONDS, STEP_SECONDS
from tests.cluster.volumes import provide
from tests.cluster.waits import wait_until

ROOT = Path(__file__).parents[2]
KUSTOMIZE = ROOT / "deploy" / "kustomize"
OVERLAYS = tuple(sorted(one.name for one in (KUSTOMIZE / "overlays").iterdir()))

PACE: Mapping[str, Mapping[str, Any]] = {
    "scoring": {
        "interval_seconds": STEP_SECONDS,
        "step_seconds": STEP_SECONDS,
        "day_seconds": DAY_SECONDS,
        "history_seconds": 5 * DAY_SECONDS,
        "snapshot_seconds": STEP_SECONDS,
    },
    "prometheus": {"window_seconds": 5, "timeout_seconds": 10},
    "operator": {"status_seconds": 5},
}
"""A test's: five trace-minutes in 5 s. All else is as shipped."""


def paced(folder: Path, name: str, settings: Mapping[str, Mapping[str, Any]] = PACE) -> Path:
    """An overlay over the shipped one of this name, with other settings; its folder.

    Args:
        folder: where it is written; made if need be.
        name: of the folder in deploy/kustomize/overlays.
        settings: sections of config.yaml, put over those that are shipped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = yaml.safe_load((KUSTOMIZE / "base" / "config.yaml").read_text(encoding="utf-8"))
    for section, values in settings.items():
        config[section] = {**config.get(section, {}), **values}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    # kustomize takes no absolute path
    resource = os.path.relpath((KUSTOMIZE / "overlays" / name).resolve(), folder.resolve())
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [resource],
        "configMapGenerator": [
            {"name": "helios-config", "namespace": "helios", "behavior": "merge", "files": ["config.yaml"]}
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def add_kinds(plane: ControlPlane, built: Path, *folders: str) -> None:
    """The CRDs of the prometheus-operator and of Google's Managed Prometheus (`crds`), or of KEDA too (`keda`)."""
    for name in folders or ("crds",):
        for file in sorted((built / name).glob("*.yaml")):
            if "webhook" not in file.name:
                plane.kubectl("apply", "--server-side", "--filename", str(file))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


@contextmanager
def bare(built: Path, folder: Path) -> Iterator[ControlPlane]:
    """A control plane that an overlay can be applied to: it knows everybody's kinds but Helios', and has the shop's namespace and storage.

    Args:
        built: the folder of the built components.
        folder: an empty one.
    """
    with ControlPlane(built / "bin", folder) as plane:
        add_kinds(plane, built, "crds", "keda")
        plane.api.create("Namespace", {"metadata": {"name": "saleor"}})
        for name in ("helios-state", "helios-state-of-another"):
            provide(plane, name, plane.folder / name)
        yield plane


def add_base(plane: ControlPlane) -> None:
    """Helios' kind and its namespace, which a dry run of an overlay needs."""
    for file in ("crd.yaml", "namespace.yaml"):
        plane.kubectl("apply", "--server-side", "--filename", str(KUSTOMIZE / "base" / file))
    plane.kubectl("wait", "--for=condition=Established", "crd/heliostargets.helios.dev", "--timeout=30s")


def apply(plane: ControlPlane, folder: Path) -> str:
    """Apply a kustomization, the HeliosTarget's kind first, and wait for the pod that it describes; what kubectl said.

    The pod is there then and has a node; whether it is ready is for who runs it.
    """
    plane.kubectl("apply", "--server-side", "--filename", str(KUSTOMIZE / "base" / "crd.yaml"))
    plane.kubectl("wait", "--for=condition=Established", "crd/heliostargets.helios.dev", "--timeout=30s")
    said = plane.kubectl("apply", "--kustomize", str(folder))
    wait_until(lambda: _rolled_out(plane), 60, "the pod is the one that was applied", every=0.2)
    return said


def settled(plane: ControlPlane, ready: int = 1) -> None:
    """Wait until so many of Helios' pods are ready."""
    wait_until(
        lambda: plane.ready("helios", "helios", "StatefulSet"),
        60,
        f"{ready} ready",
        accept=lambda n: n == ready,
    )


def _rolled_out(plane: ControlPlane) -> bool:
    wanted = plane.api.get("StatefulSet", "helios", "helios")
    pod = plane.api.get("Pod", "helios-0", "helios")
    if wanted is None or pod is None or "deletionTimestamp" in pod["metadata"]:
        return False
    status = wanted.get("status", {})
    seen = status.get("observedGeneration") == wanted["metadata"]["generation"]
    fresh = pod["metadata"]["labels"].get("controller-revision-hash") == status.get("updateRevision")
    return seen and fresh and "nodeName" in pod["spec"]

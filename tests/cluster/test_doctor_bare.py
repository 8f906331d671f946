"""`helios doctor` where Helios is not installed, and where KEDA is half gone: on a real control plane of this file's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.control_planes import ControlPlane
from tests.cluster.helioses import called, helios_target, install
from tests.cluster.kedas import Keda
from tests.cluster.manifests import deployment
from tests.cluster.waits import wait_until


@pytest.fixture(scope="module")
def bare(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster that has KEDA, a workload, and nothing of Helios."""
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(built / "bin", tmp_path_factory.mktemp("bare")))
        stack.enter_context(Keda(plane, built / "bin", built / "keda"))
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        plane.apply(deployment("shop", "web"))
        yield plane


def told(
    plane: ControlPlane, *arguments: str, user: Path | None = None
) -> tuple[int, list[str], dict[str, Any]]:
    """Exit code, rules, and what each check said; by an administrator unless said otherwise."""
    done = called(plane, "doctor", "--json", *arguments, user=user)
    assert done.returncode in {0, 1}, done.stderr
    said = json.loads(done.stdout)
    checks = {one["name"]: one for one in said["checks"]}
    return done.returncode, sorted(one["rule"] for one in said["findings"]), checks


def test_a_pipeline_is_green_where_nothing_of_helios_is_installed(bare: ControlPlane) -> None:
    """KEDA is looked at; the resource is skipped, and says why; an administrator has every right already."""
    code, rules, checks = told(bare)
    assert (0, []) == (code, rules)
    assert "Helios is not installed here: neither its resource nor an operator" == checks["resource"]["said"]
    assert not checks["keda"]["skipped"]
    assert not checks["keda-metrics"]["skipped"]


def test_somebody_without_rights_is_not_told_that_there_is_no_helios(bare: ControlPlane) -> None:
    """He may not see whether there is one, and lacks nothing that the doctor would miss."""
    _, rules, checks = told(bare, user=bare.service_account("default", "default"))
    assert [] == rules
    assert checks["resource"]["said"].endswith("you may not see whether there is an operator")


def test_a_keda_whose_scaled_objects_are_gone_is_missing(bare: ControlPlane) -> None:
    """Its credentials are still kinds of the cluster: it is not called old, which an upgrade would not cure."""
    install(bare)
    bare.apply(helios_target("shop", "web", mode="Autoscale"))
    for name in ("scaledobjects", "scaledjobs"):
        bare.api.delete("CustomResourceDefinition", f"{name}.keda.sh")
    _, rules, checks = wait_until(
        lambda: told(bare), 60, "ScaledObjects are gone", accept=lambda seen: "keda-missing" in seen[1]
    )
    assert "keda-too-old" not in rules
    assert checks["keda"]["said"].startswith("KEDA is not whole")

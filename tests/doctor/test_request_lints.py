"""Containers without a request: who finds that one is missing, KEDA's webhook or the HPA, and who needs none."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import pytest

from helios.doctor.findings import Severity
from helios.doctor.inventories import Inventory
from helios.doctor.lints import lint
from helios.doctor.manifests import Manifest
from tests.doctor.examples import (
    Body,
    broken,
    container,
    deployment,
    hpa,
    inventory,
    limit_range,
    resource,
    scaled_object,
)

SIDECAR = container("proxy", memory="64Mi")


def cores() -> Body:
    """A metric of an absolute amount."""
    return {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "500m"}},
    }


FIXED = scaled_object(resource(), fallback=None)


@pytest.mark.parametrize("scaler", [hpa(), FIXED], ids=["HPA", "ScaledObject"])
@pytest.mark.parametrize(
    ("others", "rules"),
    [
        ((deployment(),), []),
        ((deployment(container(), SIDECAR),), ["missing-requests"]),
        ((deployment(container(), SIDECAR), limit_range(cpu="100m")), []),
        ((deployment(container(), SIDECAR), limit_range(memory="1Gi")), ["missing-requests"]),
        ((deployment(container(), SIDECAR, name="other"),), []),
        ((), []),
    ],
    ids=["all", "sidecar", "range", "other range", "other workload", "unknown"],
)
def test_a_container_without_a_request_is_found(
    scaler: Body, others: tuple[Body, ...], rules: list[str]
) -> None:
    """Where the workload is known, and no LimitRange gives it one."""
    assert rules == broken(scaler, *others)


@pytest.mark.parametrize(
    ("scaler", "rules"),
    [
        (scaled_object(resource("memory"), resource(), fallback=None), ["missing-requests"]),
        (scaled_object(resource(containerName="app"), fallback=None), []),
        (scaled_object(resource(containerName="proxy"), fallback=None), ["missing-requests"]),
        (hpa(cores()), []),
    ],
    ids=["both", "app alone", "proxy alone", "cores"],
)
def test_only_what_is_measured_against_a_request_needs_one(scaler: Body, rules: list[str]) -> None:
    """One container, or an absolute amount: the sidecar does not matter."""
    assert rules == broken(scaler, deployment(container(), SIDECAR))


def test_a_request_for_the_whole_pod_is_one() -> None:
    """The HPA takes it before those of the containers."""
    workload = deployment(container(), SIDECAR)
    workload["spec"]["template"]["spec"]["resources"] = {"requests": {"cpu": "2"}}
    assert [] == broken(hpa(), workload)


@pytest.mark.parametrize(("seen", "rules"), [(True, []), (False, ["missing-requests"])])
def test_pods_know_more_than_a_template(seen: bool, rules: list[str]) -> None:
    """What admission put beside it, or gave it."""
    workload = deployment() if not seen else deployment(container(), SIDECAR)
    looked = replace(inventory(hpa(), workload), seen={("shop", "Deployment", "web"): seen})
    assert rules == [one.rule for one in lint(looked)[0]]


def test_nothing_is_said_where_limit_ranges_may_not_be_listed() -> None:
    """One of them may fill in what the template leaves out."""
    looked = replace(inventory(hpa(), deployment(container(), SIDECAR)), limits_known=False)
    assert ([], 0) == lint(looked)


def test_a_patch_of_a_workload_says_nothing_of_its_requests() -> None:
    """Containers without an image are only a part of them."""
    patch = deployment({"name": "app"})
    assert [] == broken(hpa(), patch)


REFUSED = "KEDA's webhook refuses"
FAILING = "the HPA reports an error, never scales in"


def of_kind(kind: str, *bodies: Body) -> list[Body]:
    """A workload of another kind, and what scales it."""
    found = [copy.deepcopy(one) for one in bodies]
    for one in found:
        if one["kind"] == "Deployment":
            one["kind"] = kind
        else:
            one["spec"]["scaleTargetRef"]["kind"] = kind
    return found


def in_init(workload: Body) -> Body:
    """The same, with its sidecar among the init containers."""
    changed = copy.deepcopy(workload)
    pod = changed["spec"]["template"]["spec"]
    pod["initContainers"] = [{**pod["containers"].pop(), "restartPolicy": "Always"}]
    return changed


LACKING = deployment(container(), SIDECAR)
CORES = scaled_object(resource(metric_type="AverageValue", value="500m"), fallback=None)


@pytest.mark.parametrize(
    ("bodies", "in_a_file", "words", "severity"),
    [
        ((FIXED, LACKING), True, [REFUSED, "Where it got in before", FAILING], Severity.ERROR),
        ((FIXED, LACKING), False, [FAILING, "refuses every change"], Severity.ERROR),
        (of_kind("StatefulSet", FIXED, LACKING), True, [REFUSED, FAILING], Severity.ERROR),
        (of_kind("ReplicaSet", FIXED, LACKING), True, [FAILING], Severity.ERROR),
        ((FIXED, in_init(LACKING)), True, [FAILING], Severity.ERROR),
        ((hpa(), LACKING), True, [FAILING], Severity.ERROR),
        ((CORES, LACKING), True, [REFUSED, "an absolute amount needs none"], Severity.ERROR),
        (
            (CORES, LACKING),
            False,
            ["refuses every change", "an absolute amount needs none"],
            Severity.WARNING,
        ),
    ],
    ids=[
        "file",
        "cluster",
        "StatefulSet",
        "another kind",
        "init container",
        "HPA",
        "cores",
        "cores of a cluster",
    ],
)
def test_who_refuses_a_missing_request_is_said(
    bodies: Sequence[Body], in_a_file: bool, words: list[str], severity: Severity
) -> None:
    """KEDA's webhook asks for it in the templates of Deployments and StatefulSets, by whatever metric type; the HPA in all pods, for a utilisation."""
    place = "a/x.yaml:1" if in_a_file else ""
    (one,) = lint(Inventory(tuple(Manifest(place, "a", body) for body in bodies)))[0]
    assert ("missing-requests", severity) == (one.rule, one.severity)
    assert [] == [word for word in words if word not in one.what]
    assert (REFUSED in one.what) == any(word.startswith(("KEDA", "refuses")) for word in words)
    assert (FAILING in one.what) == (FAILING in words)


@pytest.mark.parametrize(
    "bodies",
    [
        (CORES, in_init(LACKING)),
        of_kind("ReplicaSet", CORES, LACKING),
        (CORES, LACKING, limit_range(cpu="100m")),
    ],
    ids=["init container", "another kind", "range"],
)
def test_an_absolute_amount_needs_no_request_where_nobody_asks_for_it(bodies: Sequence[Body]) -> None:
    """The HPA computes it without."""
    assert [] == broken(*bodies)


def test_a_workload_that_the_api_server_refuses_says_nothing_of_its_requests() -> None:
    """And its autoscaler is looked at all the same."""
    odd = deployment({"name": "app", "image": "x", "resources": {"requests": ["cpu"]}})
    assert ["maximum-unsaid"] == broken(odd, scaled_object(maxReplicaCount=None))
    odd["spec"]["template"]["spec"]["initContainers"] = ["x"]
    assert ["maximum-unsaid"] == broken(odd, scaled_object(resource(), fallback=None, maxReplicaCount=None))


def test_an_hpa_of_the_first_version_is_scaled_on_cpu() -> None:
    """It says so in a field of its own, or leaves it to the default."""
    body = hpa(targetCPUUtilizationPercentage=50)
    del body["spec"]["metrics"]
    old = {**body, "apiVersion": "autoscaling/v1"}
    assert ["missing-requests"] == broken(old, deployment(SIDECAR))

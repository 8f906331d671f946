"""`helios doctor` without files: what a cluster has is linted, what may not be listed is named, nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from helios.cli import app
from helios.errors import ClusterMissing
from tests.doctor.apis import Hospital
from tests.doctor.examples import hpa, prometheus, scaled_object
from tests.operator.api_stores import Kind
from tests.operator.objects import container, deployment, pod

RANGES = Kind("v1", "LimitRange", "limitranges")


@pytest.fixture
def api() -> Iterator[Hospital]:
    """A healthy installation with a workload and its HPA."""
    with Hospital() as server:
        server.store.kinds.append(RANGES)
        server.store.put(deployment("web"))
        server.store.put(hpa())
        yield server


@pytest.fixture
def home(api: Hospital, tmp_path: Path) -> str:
    """A kube config that leads there."""
    return str(api.kube_config(tmp_path))


def called(home: str, *arguments: str) -> Result:
    """Call the command line."""
    return CliRunner().invoke(app, ["doctor", *arguments], env={"KUBECONFIG": home, "NO_COLOR": "1"})


def said(home: str, *arguments: str) -> dict[str, Any]:
    """Its JSON."""
    found: dict[str, Any] = json.loads(called(home, *arguments, "--json").stdout)
    return found


def linted(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Findings about manifests."""
    return [(one["where"], one["rule"]) for one in document["findings"] if one["where"].startswith("shop/")]


def test_every_object_of_the_cluster_is_linted(api: Hospital, home: str) -> None:
    """As if it had come from a file; counted, and the exit code is 1."""
    api.store.put(scaled_object(prometheus(ignoreNullValues=None), workload="other"))
    document = said(home)
    assert [("shop/ScaledObject/web", "null-read-as-zero")] == linted(document)
    assert (1, 1, 1) == tuple(
        document["checked"][one] for one in ("scaledObjects", "horizontalPodAutoscalers", "workloads")
    )
    assert 1 == called(home).exit_code


def test_nothing_is_written(api: Hospital, home: str) -> None:
    """Reviews leave nothing behind."""
    called(home)
    assert {"selfsubjectreviews", "selfsubjectaccessreviews"} >= {
        one.resource for one in api.requests if one.verb not in {"get", "list"}
    }


def test_keda_is_not_needed(api: Hospital, home: str) -> None:
    """A cluster of HPAs alone can be looked at."""
    api.without("keda.sh/v1alpha1")
    api.store.put(hpa(name="second"))
    assert [("shop/HorizontalPodAutoscaler/web", "two-autoscalers")] == linted(said(home))


def test_one_namespace_alone_is_asked_for_by_name(api: Hospital, home: str) -> None:
    """Who may only see his own can look at it."""
    called(home, "--namespace", "shop")
    asked = [one for one in api.requests if one.resource == "horizontalpodautoscalers" and one.verb == "list"]
    assert {"shop"} == {one.namespace for one in asked}


def test_pods_tell_of_a_sidecar_that_the_template_has_not(api: Hospital, home: str) -> None:
    """Given at admission, without a request: the HPA fails on it."""
    spec = [container(name="app"), container(None, name="istio-proxy")]
    api.store.put(pod("web", containers=spec))
    document = said(home)
    assert [("shop/HorizontalPodAutoscaler/web", "missing-requests")] == linted(document)
    assert "given at admission" in document["findings"][0]["why"]


def test_what_may_not_be_listed_is_named_and_not_guessed(api: Hospital, home: str) -> None:
    """Without LimitRanges nobody knows what a template without requests becomes."""
    api.store.put(deployment("web", containers=[container(None)]))
    assert [("shop/HorizontalPodAutoscaler/web", "missing-requests")] == linted(said(home))
    api.fail("limitranges", 403, verb="list")
    document = said(home)
    assert [] == linted(document)
    (check,) = [one for one in document["checks"] if one["name"] == "manifests-limitranges"]
    assert check["skipped"]
    assert "limitranges" in check["said"]


def test_a_namespace_that_is_not_there_is_no_success(api: Hospital, home: str) -> None:
    """A typo would otherwise find nothing wrong; of one that is there and empty, there is nothing to find."""
    api.store.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "empty"}})
    done = called(home, "--namespace", "nope")
    assert isinstance(done.exception, ClusterMissing)
    assert "there is no namespace 'nope'" in str(done.exception)
    done = called(home, "--namespace", "empty")
    assert 1 >= done.exit_code
    assert "in namespace empty" in done.stdout.splitlines()[-1]


def test_who_may_not_look_a_namespace_up_is_told_so(api: Hospital, home: str) -> None:
    """Nothing was found in it, which is no proof that it is the right one."""
    api.fail("namespaces", 403, verb="get")
    (check,) = [one for one in said(home, "--namespace", "nope")["checks"] if one["name"] == "namespace"]
    assert (True, True) == (check["skipped"], "check its name" in check["said"])


def test_who_may_not_list_is_sent_to_a_role_for_people(api: Hospital, home: str) -> None:
    """And not to the operator's own."""
    api.fail("scaledobjects", 403, verb="list")
    (check,) = [one for one in said(home)["checks"] if one["name"] == "manifests-scaledobjects"]
    assert "docs/adopt.md" in check["said"]

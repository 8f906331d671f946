"""The HeliosTarget on a real API server: what is taken and refused, what is filled in, what kubectl explains and is given. No operator runs."""

from __future__ import annotations

import copy
import os
import re
import subprocess

import pytest
import yaml

from helios.operator.resources import HeliosTarget
from helios.settings import Settings, with_defaults
from helios.targets import QueryPolicy
from tests.cluster.apis import Object, Refused
from tests.cluster.control_planes import ControlPlane
from tests.cluster.helioses import COMMAND, ROOT, helios_target, install
from tests.cluster.manifests import deployment
from tests.cluster.waits import wait_until
from tests.operator.examples import ACCEPTED, FULL, MODEL_ONLY, REFUSED, UNKNOWN, Example, manifest, spec

NAME = "heliostargets.helios.dev"
"""Of the resource, and in the audit log."""


def read(body: Object) -> HeliosTarget:
    """As an operator without a file of settings reads it."""
    return HeliosTarget.of(body, fill=lambda raw: with_defaults(raw, Settings()), queries=QueryPolicy.ANY)


@pytest.fixture(scope="module")
def kind(plane: ControlPlane) -> ControlPlane:
    """A control plane on which the kind is installed."""
    install(plane)
    return plane


def offered(plane: ControlPlane, body: Object, *, validation: str = "Strict") -> Object:
    """What the API server would store; kubectl asks for strict validation, too.

    Raises:
        Refused: it would not.
    """
    path = f"/apis/helios.dev/v1alpha1/namespaces/{body['metadata']['namespace']}/heliostargets"
    return plane.api.ask(
        "POST", path, body, parameters={"dryRun": "All", "fieldValidation": validation, "fieldManager": "e2e"}
    )


def example(given: Example) -> Object:
    """An example as a user applies it."""
    return manifest(copy.deepcopy(given.spec), namespace="default")


def test_the_api_server_takes_the_resource_without_reserve(kind: ControlPlane) -> None:
    """Its schema is structural, its CEL is within the budget, its names are free."""
    installed = kind.api.get("CustomResourceDefinition", NAME)
    assert installed is not None
    states = {one["type"]: one["status"] for one in installed["status"]["conditions"]}
    assert {"NamesAccepted": "True", "Established": "True"} == states


@pytest.mark.parametrize("given", ACCEPTED, ids=lambda one: one.id)
def test_what_is_good_is_taken_and_means_what_was_written(kind: ControlPlane, given: Example) -> None:
    """The API server's defaults change nothing of it."""
    stored = read(offered(kind, example(given)))
    assert stored.problem is None
    assert read(example(given)).spec == stored.spec


@pytest.mark.parametrize("given", REFUSED, ids=lambda one: one.id)
def test_what_is_bad_is_refused_at_once_by_both(kind: ControlPlane, given: Example) -> None:
    """The API server says what is wrong, in the words that the model uses."""
    with pytest.raises(Refused, match=re.escape(given.part)) as refused:
        offered(kind, example(given))
    assert 422 == refused.value.code
    assert given.part in (read(example(given)).problem or "")


@pytest.mark.parametrize("given", MODEL_ONLY, ids=lambda one: one.id)
def test_what_only_the_operator_can_know_is_taken_and_found_by_it(kind: ControlPlane, given: Example) -> None:
    """Time zones, cron, and bounds against the operator's own settings."""
    assert given.part in (read(offered(kind, example(given))).problem or "")


@pytest.mark.parametrize("given", UNKNOWN, ids=lambda one: one.id)
def test_a_field_that_is_none_is_refused_by_kubectl_and_pruned_for_the_careless(
    kind: ControlPlane, given: Example
) -> None:
    """What a client without strict validation sends never reaches the operator."""
    with pytest.raises(Refused, match=f"unknown field.*{given.part}") as refused:
        offered(kind, example(given))
    assert 400 == refused.value.code
    assert given.part in (read(example(given)).problem or "")
    assert None is read(offered(kind, example(given), validation="Ignore")).problem


def test_defaults_are_filled_in_but_those_of_the_operators_settings(kind: ControlPlane) -> None:
    """`kubectl get -o yaml` shows them; what a setting governs stays open, and a status of a user's is dropped."""
    body = {
        **manifest(spec(replicas={}, behavior={}, keda={}), namespace="default"),
        "status": {"model": "x"},
    }
    stored = offered(kind, body)
    assert "status" not in stored
    assert {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "saleor-api"},
        "mode": "Observe",
        "replicas": {},
        "metrics": [{"name": "cpu"}],
        "behavior": {"freezeMaxSeconds": 3600},
        "timezone": "UTC",
        "keda": {"cpuGuard": 80},
    } == stored["spec"]


def test_what_the_documentation_shows_is_taken(kind: ControlPlane) -> None:
    """Every manifest of docs/heliostarget.md, as it stands there."""
    text = (ROOT / "docs" / "heliostarget.md").read_text(encoding="utf-8")
    shown = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    targets = [one for one in shown if one.get("kind") == "HeliosTarget"]
    assert len(targets) >= 2
    for one in targets:
        stored = offered(kind, {**one, "metadata": {**one["metadata"], "namespace": "default"}})
        found = HeliosTarget.of(stored, fill=dict, queries=QueryPolicy.ANY)
        assert found.problem is None


def test_a_name_that_keda_could_not_take_is_refused(kind: ControlPlane) -> None:
    """Before anybody scales by it."""
    with pytest.raises(Refused, match="no name longer than 63"):
        offered(kind, manifest(copy.deepcopy(FULL), name="x" * 64, namespace="default"))


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("spec.replicas.max", ["Never more.", "scaling.max_replicas", "<integer>"]),
        (
            "spec.mode",
            ["Observe publishes and reports and touches nothing", "ENUM: Observe Recommend Autoscale"],
        ),
        ("status.conditions.reason", ["Why, in one word for machines."]),
    ],
)
def test_kubectl_explains_every_field(kind: ControlPlane, field: str, words: list[str]) -> None:
    """By the short name, and with the sentences of the documentation."""
    # it remembers for a moment which kinds there were before
    told = " ".join(
        wait_until(lambda: kind.kubectl("explain", f"ht.{field}"), 15, "kubectl knows it").split()
    )
    assert [] == [word for word in words if word not in told]


def test_the_scaled_object_is_printed_as_keda_takes_it(
    keda: object, kind: ControlPlane, namespace: str
) -> None:
    """`helios scaledobject NAME | kubectl apply -f -` by a user who may read HeliosTargets; nothing is written by itself."""
    kind.apply(deployment(namespace, "web"), helios_target(namespace, "web"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HELIOS_", "KUBE"))}
    environment |= {"KUBECONFIG": str(kind.admin), "HELIOS_KEDA_SERVER_ADDRESS": "http://prometheus:9090"}
    command = [*COMMAND, "scaledobject", "web", "--namespace", namespace]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=30)
    assert (0, "") == (ran.returncode, ran.stderr)
    assert ["prometheus", "cpu"] == [one["type"] for one in yaml.safe_load(ran.stdout)["spec"]["triggers"]]
    taken = kind.kubectl("apply", "--dry-run=server", "--filename=-", given=ran.stdout)
    assert "scaledobject.keda.sh/web created (server dry run)" == taken.strip()
    assert None is kind.api.get("ScaledObject", "web", namespace)

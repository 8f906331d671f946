"""The lease and two pods, as the manifests have them: who may hold it, under which name, and where the second pod and its volume are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.manifests.builds import FIELDS, HELIOS, built, named, of_kind, pod, settings

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", HELIOS)
def test_whoever_acts_holds_a_lease(name: str, tmp_path: Path) -> None:
    """One pod, too: so a second one may come at any time. It is in the pod's own namespace, where the role lets it be held."""
    lease = settings(built(name), "operator", tmp_path).operator.lease
    assert ("helios", None, None) == (lease.name, lease.namespace, lease.url)
    (role,) = [one for one in of_kind(built(name), "Role") if one["metadata"]["namespace"] == "helios"]
    assert [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}
    ] == role["rules"]
    (binding,) = [
        one for one in of_kind(built(name), "RoleBinding") if one["metadata"]["namespace"] == "helios"
    ]
    assert role["metadata"]["name"] == binding["roleRef"]["name"]
    account = {"kind": "ServiceAccount", "name": pod(built(name))["spec"]["serviceAccountName"]}
    assert [{**account, "namespace": "helios"}] == binding["subjects"]


def test_a_pod_is_known_to_the_lease_by_more_than_its_name(tmp_path: Path) -> None:
    """A new pod of a lost one's name must not take itself for the holder, while the old one may still run."""
    lease = settings(built("base"), "operator", tmp_path).operator.lease
    assert f"{FIELDS['metadata.name']}_{FIELDS['metadata.uid']}" == lease.identity


@pytest.mark.parametrize("name", HELIOS)
def test_as_many_pods_run_as_the_overlay_promises(name: str) -> None:
    """Two in two-pods, one elsewhere; a drain takes one at a time, and never none."""
    build = built(name)
    spec = named(build, "StatefulSet", "helios")["spec"]
    assert (2 if name == "overlays/two-pods" else 1) == spec["replicas"]
    budget = named(build, "PodDisruptionBudget", "helios")["spec"]
    assert (1, None) == (budget["maxUnavailable"], budget.get("minAvailable"))


def test_two_pods_are_spread_where_they_can_be() -> None:
    """Over nodes and zones, by what they are, and without ever being kept from a node."""
    spread = pod(built("overlays/two-pods"))["spec"]["topologySpreadConstraints"]
    assert ["kubernetes.io/hostname", "topology.kubernetes.io/zone"] == [one["topologyKey"] for one in spread]
    assert {(1, "ScheduleAnyway")} == {(one["maxSkew"], one["whenUnsatisfiable"]) for one in spread}
    labels = pod(built("overlays/two-pods"))["metadata"]["labels"]
    assert all(one["labelSelector"]["matchLabels"].items() <= labels.items() for one in spread)


def test_each_pod_has_a_volume_of_its_own() -> None:
    """What the holder has decided is handed over; two that wrote into one folder would spoil it."""
    (claim,) = named(built("overlays/two-pods"), "StatefulSet", "helios")["spec"]["volumeClaimTemplates"]
    assert ("state", ["ReadWriteOnce"]) == (claim["metadata"]["name"], claim["spec"]["accessModes"])

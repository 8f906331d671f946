"""The shipped manifests on a real API server: what it takes and refuses, under restricted admission, and what its controllers make of them.

On a control plane of this file's own: an installed Helios is there once, and works cluster-wide. Nothing of it runs here, see test_installations.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cluster.admissions import WRONG, with_value
from tests.cluster.apis import Refused
from tests.cluster.control_planes import ControlPlane
from tests.cluster.manifests import START_DELAY
from tests.cluster.overlays import KUSTOMIZE, OVERLAYS, add_base, apply, bare, paced, settled
from tests.cluster.waits import hold, wait_until
from tests.manifests.builds import loaded


@pytest.fixture(scope="module")
def own(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane without anything of Helios'."""
    with bare(built, tmp_path_factory.mktemp("own")) as plane:
        yield plane


@pytest.fixture(scope="module")
def prepared(own: ControlPlane) -> ControlPlane:
    """The same, with Helios' kind and its namespace."""
    add_base(own)
    return own


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's, at a test's pace."""
    return paced(tmp_path_factory.mktemp("overlay"), "saleor")


def test_the_kind_has_to_come_first(own: ControlPlane) -> None:
    """As the README says: in one go all else is applied, and the targets are refused by name."""
    with pytest.raises(AssertionError, match='no matches for kind "HeliosTarget"'):
        dry_run(own, "saleor")


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_api_server_takes_every_overlay(prepared: ControlPlane, name: str) -> None:
    """Each object of it, without a warning, where only the kind and the namespace are there yet."""
    assert "statefulset.apps/helios created (server dry run)" in dry_run(prepared, name)


@pytest.mark.parametrize(
    ("name", "kind", "place", "value", "words"),
    [pytest.param(*one, id=f"{one[1]} {one[2]}") for one in WRONG],
)
def test_the_api_server_refuses_what_is_wrong(
    prepared: ControlPlane, name: str, kind: str, place: str, value: Any, words: str
) -> None:
    """One thing wrong in each kind that is shipped: the dry run above can fail."""
    objects = loaded(prepared.kubectl("kustomize", str(KUSTOMIZE / "overlays" / name)))
    body = next(one for one in objects if one["kind"] == kind)
    changed = with_value(body, place, value)
    with pytest.raises(AssertionError, match=f"(?i){words}"):
        prepared.kubectl("create", "--dry-run=server", "--filename=-", given=json.dumps(changed))


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_overlay_gives_a_pod_that_is_admitted(prepared: ControlPlane, name: str) -> None:
    """Really applied: the StatefulSet's controller makes the pod, under the namespace's restricted admission."""
    prepared.kubectl("delete", "statefulset", "helios", "--namespace=helios", "--ignore-not-found", "--wait")
    wait_until(
        lambda: prepared.api.get("Pod", "helios-0", "helios") is None,
        30,
        "the pod before it is gone",
        every=0.2,
    )
    apply(prepared, KUSTOMIZE / "overlays" / name)
    settled(prepared, 2 if name == "two-pods" else 1)


def test_an_ordinary_pod_is_not_admitted(prepared: ControlPlane) -> None:
    """Into the namespace of Helios, whose label enforces what ours keeps to: this one might run as root, and gain more."""
    pod = {"metadata": {"name": "ordinary"}, "spec": {"containers": [{"name": "it", "image": "it"}]}}
    with pytest.raises(Refused, match=r"violates PodSecurity.*restricted:latest.*runAsNonRoot") as caught:
        prepared.api.create("Pod", pod, "helios")
    assert httpx.codes.FORBIDDEN == caught.value.code


def test_applying_it_again_leaves_the_pod_alone(prepared: ControlPlane) -> None:
    """Nothing restarts that was not changed."""
    apply(prepared, KUSTOMIZE / "overlays" / "saleor")
    settled(prepared)
    before = identity(prepared)
    prepared.kubectl("apply", "--kustomize", str(KUSTOMIZE / "overlays" / "saleor"))
    hold(lambda: identity(prepared), 3, "the same pod", accept=lambda now: now == before)


def test_a_changed_setting_makes_another_pod_even_while_the_last_change_is_stuck(
    prepared: ControlPlane, overlay: Path, tmp_path: Path
) -> None:
    """The ConfigMap's name goes with its content; a pod that never becomes ready does not keep what mends it waiting."""
    stuck = paced(tmp_path, "saleor", {"service": {"log_level": "DEBUG"}})
    never = {"metadata": {"annotations": {START_DELAY: "3600000ms"}}}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "helios", "namespace": "helios"},
        "spec": {"template": never},
    }
    kustomization = yaml.safe_load((stuck / "kustomization.yaml").read_text())
    kustomization["patches"] = [{"patch": yaml.safe_dump(patch)}]
    (stuck / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    seen = {identity(prepared)}
    for folder, ready in ((stuck, 0), (overlay, 1)):
        apply(prepared, folder)
        fresh = wait_until(
            lambda: identity(prepared), 60, "another pod", accept=lambda now: now not in (None, *seen)
        )
        seen.add(fresh)
        settled(prepared, ready)
    assert 3 == len({config for _, config in filter(None, seen)})


def test_the_claim_of_the_manifest_can_grow_without_another_pod(
    prepared: ControlPlane, overlay: Path, tmp_path: Path
) -> None:
    """As docs/operations.md says: in place it is refused; once the StatefulSet has left its pod behind, it is taken."""
    apply(prepared, overlay)
    settled(prepared)
    before, larger = identity(prepared), paced(tmp_path, "saleor")
    kustomization = yaml.safe_load((larger / "kustomization.yaml").read_text())
    place = "/spec/volumeClaimTemplates/0/spec/resources/requests/storage"
    grown = [{"op": "replace", "path": place, "value": "8Gi"}]
    kustomization["patches"] = [
        {"target": {"kind": "StatefulSet", "name": "helios"}, "patch": yaml.safe_dump(grown)}
    ]
    (larger / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    with pytest.raises(AssertionError, match="Forbidden"):
        prepared.kubectl("apply", "--kustomize", str(larger))
    for folder in (larger, overlay):
        prepared.kubectl("--namespace", "helios", "delete", "statefulset", "helios", "--cascade=orphan")
        apply(prepared, folder)
        settled(prepared)
        assert before == identity(prepared)


def dry_run(plane: ControlPlane, name: str) -> str:
    """What the API server would do with an overlay; a warning counts as a refusal."""
    folder = str(KUSTOMIZE / "overlays" / name)
    return plane.kubectl("apply", "--kustomize", folder, "--dry-run=server", "--warnings-as-errors")


def identity(plane: ControlPlane) -> tuple[str, str] | None:
    """The pod's own, and the name of the ConfigMap that it mounts; None while there is none."""
    found = plane.api.get("Pod", "helios-0", "helios")
    if found is None or "deletionTimestamp" in found["metadata"]:
        return None
    (config,) = [one["configMap"]["name"] for one in found["spec"]["volumes"] if one["name"] == "config"]
    return found["metadata"]["uid"], config

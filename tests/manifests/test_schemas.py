"""Every object is one that its API takes: Kubernetes' own kinds by their schemas of this version, others by their CRDs.

Unknown fields are refused, as `kubectl apply` warns of them and a server drops them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest

from helios.operator.crds import crd
from tests.manifests.builds import BUILDS, Object, built, loaded, named

pytestmark = pytest.mark.integration

VERSIONS = ("1.30", "1.36")
"""The oldest that the README names, and the end-to-end suite's."""

BUILT_IN = (
    "v1",
    "apps/v1",
    "policy/v1",
    "networking.k8s.io/v1",
    "rbac.authorization.k8s.io/v1",
    "apiextensions.k8s.io/v1",
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", BUILDS)
def test_kubernetes_takes_every_object_of_its_own(name: str, version: str) -> None:
    """Each field is known to this version, and of the right type."""
    for body in (one for one in built(name) if one["apiVersion"] in BUILT_IN):
        kubernetes_validate.validate(body, version, strict=True)


@pytest.mark.parametrize("name", BUILDS)
def test_every_other_object_fits_its_crd(name: str, kinds: list[Path]) -> None:
    """The prometheus-operator's, Google's, KEDA's and our own."""
    schemas = validators(tuple(kinds))
    for body in (one for one in built(name) if one["apiVersion"] not in BUILT_IN):
        problems = [error.message for error in schemas[body["apiVersion"], body["kind"]].iter_errors(body)]
        assert [] == problems, f"{body['kind']} {body['metadata']['name']}"


def test_a_misspelt_field_of_kubernetes_is_found() -> None:
    """The check can fail."""
    body = copy.deepcopy(named(built("base"), "StatefulSet", "helios"))
    body["spec"]["template"]["spec"]["terminationGracePeriod"] = 30
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        kubernetes_validate.validate(body, VERSIONS[-1], strict=True)


def test_a_misspelt_field_of_a_crd_is_found(kinds: list[Path]) -> None:
    """The check can fail: `honorlabels` would leave every gauge in namespace helios."""
    body = copy.deepcopy(named(built("overlays/prometheus-operator"), "PodMonitor", "helios"))
    body["spec"]["podMetricsEndpoints"][0]["honorlabels"] = True
    schema = validators(tuple(kinds))[body["apiVersion"], body["kind"]]
    assert any("honorlabels" in error.message for error in schema.iter_errors(body))


@cache
def validators(files: tuple[Path, ...]) -> Mapping[tuple[str, str], jsonschema_rs.Validator]:
    """Version and kind -> what checks it."""
    definitions = [one for file in files for one in loaded(file.read_text(encoding="utf-8"))]
    return {
        (
            f"{one['spec']['group']}/{version['name']}",
            one["spec"]["names"]["kind"],
        ): jsonschema_rs.validator_for(whole(version["schema"]["openAPIV3Schema"]))
        for one in (crd(), *definitions)
        for version in one["spec"]["versions"]
        if "schema" in version
    }


def whole(schema: Object) -> Any:
    """A CRD's schema with the fields that every object has, and no others."""
    metadata = {"type": "object"}
    return closed({**schema, "properties": {**schema["properties"], "metadata": metadata}})


def closed(schema: Any) -> Any:
    """The schema with unknown fields refused, and without patterns: theirs are of Go's dialect, and the API server tries them."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: closed(value)
        for key, value in schema.items()
        if not (key == "pattern" and isinstance(value, str))
    }
    properties = isinstance(schema.get("properties"), dict)
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    return kept | ({"additionalProperties": False} if properties and not open_ended else {})

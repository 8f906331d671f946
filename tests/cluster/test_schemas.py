"""KEDA's own schema knows every field that Helios writes or ships: what it does not know would be pruned in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from helios.operator.scaledobjects import Form
from tests.cluster.helioses import ROOT
from tests.operator.test_scaledobjects import SECURED, made, target


@pytest.fixture(scope="module")
def schema(built: Path) -> Any:
    """The spec of KEDA's ScaledObject, with unknown fields refused."""
    definition = yaml.safe_load((built / "keda" / "keda.sh_scaledobjects.yaml").read_text(encoding="utf-8"))
    (version,) = definition["spec"]["versions"]
    return closed(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("tolerance", [False, True])
def test_keda_knows_every_field_that_helios_writes(schema: Any, form: Form, tolerance: bool) -> None:
    """In each form, with the longest name."""
    written = made(target("a" * 63), SECURED, form=form, tolerance=tolerance, floor=4)
    jsonschema_rs.validate(schema, written["spec"])


def test_keda_knows_every_field_of_the_shipped_one(schema: Any) -> None:
    """The requirements' own, as it lies in deploy/."""
    shipped = yaml.safe_load(
        (ROOT / "deploy/kustomize/components/keda/scaledobject-saleor.yaml").read_text(encoding="utf-8")
    )
    jsonschema_rs.validate(schema, shipped["spec"])


def closed(schema: Any) -> Any:
    """The schema with unknown fields refused."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return inner | ({"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {})

"""What is kept of an adopted autoscaler: it reads back as it was written, and what cannot be read is nothing."""

from __future__ import annotations

import json

import pytest

from helios.operator.adoptions import ADOPTED, FINALIZER, Original
from tests.operator.adopted import HPA, SCALED_OBJECT, users_hpa, users_scaled_object
from tests.operator.targets import body, parsed

OWNER = {"apiVersion": "example.com/v1", "kind": "App", "name": "shop", "uid": "1"}


@pytest.mark.parametrize(
    "original",
    [
        Original.of(HPA, users_hpa(ownerReferences=[OWNER], uid="u")),
        Original.of(SCALED_OBJECT, users_scaled_object()),
    ],
    ids=[HPA, SCALED_OBJECT],
)
def test_what_is_kept_reads_back_as_it_was(original: Original) -> None:
    """Through an annotation of a HeliosTarget."""
    given = body()
    given["metadata"] |= {
        "annotations": {ADOPTED: original.text()},
        "finalizers": ["a/b", FINALIZER],
        "resourceVersion": "7",
    }
    target = parsed(given)
    assert (original, False, True, ("a/b", FINALIZER), "7") == (
        target.original,
        target.garbled,
        target.guarded,
        target.finalizers,
        target.resource_version,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "[" * 100_000,
        '{"kind": "Deployment", "name": "web", "spec": {}}',
        '{"kind": "ScaledObject", "name": "web", "spec": []}',
        '{"kind": "ScaledObject", "spec": {}}',
        '{"kind": "ScaledObject", "name": "web", "spec": {"maxReplicaCount": NaN}}',
        '{"kind": "ScaledObject", "name": "web", "spec": {"maxReplicaCount": -Infinity}}',
        '{"kind": ["ScaledObject"], "name": "web", "spec": {}}',
        '{"kind": "ScaledObject", "name": "web", "spec": {}, "labels": 3}',
        *(
            json.dumps(
                {"kind": SCALED_OBJECT, "name": "web", "spec": {"scaleTargetRef": {"name": "web"}}} | wrong
            )
            for wrong in (
                {"name": 7},
                {"name": None},
                {"owners": ["x"]},
                {"owners": {"a": {}}},
                {"labels": {"a": 3}},
                {"spec": {"scaleTargetRef": {"name": "web"}, "triggers": ["a"]}},
                {"spec": {"scaleTargetRef": {"name": "web"}, "triggers": [{"metadata": "a"}]}},
                {"spec": {"scaleTargetRef": {"name": "web"}, "triggers": [{"authenticationRef": "a"}]}},
                {"spec": {"scaleTargetRef": {"name": "web"}, "metrics": [{"resource": "a"}]}},
                {"spec": {"scaleTargetRef": {"name": "web"}, "metrics": [{"resource": {"target": 3}}]}},
                {"spec": {"scaleTargetRef": {"name": "web"}, "advanced": 3}},
                {"spec": {"scaleTargetRef": {"name": "web"}, "behavior": {"scaleUp": 3}}},
                {"spec": {"scaleTargetRef": "web"}},
                {"spec": {"scaleTargetRef": {"name": 7}}},
                {"spec": {"scaleTargetRef": {}}},
            )
        ),
    ],
    ids=lambda text: text[-60:],
)
def test_what_cannot_be_read_is_nothing(text: str) -> None:
    """A user may have edited it: the target stays a value, and says that there is something that cannot be read."""
    given = body()
    given["metadata"]["annotations"] = {ADOPTED: text}
    target = parsed(given)
    assert (None, True) == (target.original, target.garbled)


def test_a_target_without_any_of_it_has_none_of_it() -> None:
    """The rule in a fleet."""
    target = parsed(body())
    assert (None, False, False, (), False) == (
        target.original,
        target.garbled,
        target.guarded,
        target.finalizers,
        target.deleting,
    )

"""Which news of a status cannot wait for its turn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helios.operator.conditions import Condition, Reason, Type, written
from helios.operator.statuses import news
from tests.operator.objects import Object
from tests.operator.targets import target

TARGET = target()


def status(reason: Reason, message: str = "") -> Object:
    """A status whose condition Scaling has this reason."""
    conditions = written((Condition(Type.SCALING, False, reason, message),), TARGET, "2026-03-01T12:00:00Z")
    return {"observedGeneration": TARGET.generation, "conditions": conditions}


@pytest.mark.parametrize(
    ("before", "after", "urgent"),
    [
        (Reason.ADOPTABLE, Reason.ADOPTING, True),
        (Reason.ADOPTING, Reason.AUTOSCALING, True),
        (Reason.AUTOSCALING, Reason.RESTORING, True),
        (Reason.RESTORING, Reason.RESTORED, True),
        (Reason.AUTOSCALING, Reason.FALLBACK, False),
        (Reason.OBSERVING, Reason.OWNED_ELSEWHERE, False),
    ],
    ids=str,
)
def test_whoever_waits_for_an_autoscaler_to_change_hands_is_told_at_once(
    before: Reason, after: Reason, urgent: bool
) -> None:
    """What KEDA does between two cycles may wait."""
    write = news(replace(TARGET, status=status(before)), status(after))
    assert write is not None
    assert urgent == write.urgent


def test_words_about_a_restoration_wait_their_turn() -> None:
    """They change at every look."""
    held = replace(TARGET, status=status(Reason.RESTORING, "KEDA lets go of it"))
    write = news(held, status(Reason.RESTORING, "it is looked at once more"))
    assert write is not None
    assert not write.urgent

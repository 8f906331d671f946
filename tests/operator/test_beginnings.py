"""How Autoscale begins: from an offer, by hand or by mode, and never by taking replicas away."""

from __future__ import annotations

import pytest

from helios.operator.plans import FORM, PAUSED
from tests.operator.planning import World, said
from tests.operator.targets import workload


def unpaused(world: World) -> None:
    """A person takes the pause off what Recommend offers."""
    annotations = {k: v for k, v in world.own["metadata"]["annotations"].items() if k != PAUSED}
    world.objects = [{**world.own, "metadata": {**world.own["metadata"], "annotations": annotations}}]


def test_an_offer_that_somebody_put_in_force_stays_in_force() -> None:
    """It scales the workload then: a pause would take its HPA away. What to set is said, and nothing is written."""
    world = World("Recommend")
    world.step()
    unpaused(world)
    made = world.step()
    assert (None, None, (True, "Autoscaling")) == (made.apply, made.delete, said(made))
    assert "its pause was taken off by hand" in made.condition.message
    assert "set mode to Autoscale" in made.condition.message
    world.into("Autoscale")
    assert ("forecast", (True, "Autoscaling")) == (
        world.own["metadata"]["annotations"][FORM],
        said(world.step()),
    )


def test_an_offer_that_somebody_put_in_force_is_never_taken_away_from_a_workload() -> None:
    """In Observe what scales is released, not removed."""
    world = World("Recommend")
    world.step()
    unpaused(world)
    assert None is world.into("Observe").delete
    assert (["cpu"], (False, "Released")) == (world.triggers, said(world.step()))


@pytest.mark.parametrize("before", ["nothing", "an offer"])
def test_autoscale_does_not_begin_by_taking_replicas_away(before: str) -> None:
    """Fifty run and ten are allowed, maybe by the operator's default: KEDA's HPA would cut them within seconds."""
    world = World("Recommend" if before == "an offer" else "Observe")
    world.workload = workload(desired=50, current=50)
    words = "Before Autoscale raise spec.replicas.max: it is 10, and more replicas run"
    assert words in world.step().condition.message
    made = world.into("Autoscale")
    assert (None, None, (False, "TooManyRun")) == (made.apply, made.delete, said(made))
    assert "spec.replicas.max is 10 and 50 replicas run" in made.condition.message
    assert "raise it to 50 or more" in made.condition.message
    assert world.into("Autoscale", replicas={"min": 1, "max": 50}).apply is not None


def test_a_maximum_that_is_lowered_in_autoscale_is_obeyed() -> None:
    """Who edits it means it; and a surge is no reason not to begin."""
    world = World()
    world.workload = workload(desired=8, current=12, rolling=True)
    world.step()
    world.workload = workload(desired=8, current=8)
    assert 5 == world.into("Autoscale", replicas={"min": 1, "max": 5}).apply["spec"]["maxReplicaCount"]  # type: ignore[index]

"""Who is switched on first: the ledger's figures decide, and whoever should wait says for what."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from helios.api import target_answers
from helios.imports import rankings, remarks
from helios.imports.fleets import Listed, Terms, sifted
from helios.imports.rankings import Row, TargetFigures, Verdict, ranked
from helios.imports.remarks import Remark
from tests.imports.objects import existing, figures
from tests.operator.objects import helios_target
from tests.operator.test_takeovers import World


def rows(*found: TargetFigures, least_days: float = 1, **known: Remark) -> list[Row]:
    targets = [existing(one.deployment, one.namespace) for one in found]
    said = {("shop", "Deployment", name): (remark,) for name, remark in known.items()}
    return ranked(targets, found, said, least_days=least_days)


def test_minutes_short_saved_count_before_replica_hours() -> None:
    """In the order in which Helios promises them, and then by name."""
    found = rows(
        figures("hours", short=(5, 5), hours=(900, 100)),
        figures("minutes", short=(9, 0), hours=(100, 101)),
        figures("both", short=(9, 0), hours=(100, 90)),
    )
    assert ["both", "minutes", "hours"] == [row.target.name for row in found]
    assert {Verdict.READY} == {row.verdict for row in found}
    assert (9, 10) == (found[0].minutes_saved, found[0].hours_saved)


def test_a_short_ledger_is_compared_per_week() -> None:
    """Two minutes in a day are more than ten in a week."""
    found = rows(figures("week", short=(10, 0)), figures("day", short=(2, 0), days=1))
    assert ["day", "week"] == [row.target.name for row in found]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        pytest.param(figures(), Verdict.READY, id="one that would have done well"),
        pytest.param(figures(days=0.5), Verdict.YOUNG, id="half a day"),
        pytest.param(figures(days=0.96), Verdict.READY, id="a day but for a restart"),
        pytest.param(figures(skill=0), Verdict.NO_SKILL, id="no better than persistence"),
        pytest.param(figures(skill=None), Verdict.NO_SKILL, id="skill unknown"),
        pytest.param(figures(model="reactive"), Verdict.NO_SKILL, id="reactive now"),
        pytest.param(figures(state="no-data"), Verdict.UNKNOWN, id="without data"),
        pytest.param(figures(breaker={"losing": True}), Verdict.LOSING, id="losing"),
        pytest.param(figures(short=(1, 4)), Verdict.SHORTER, id="shorter than what ran"),
        pytest.param(figures(short=(0, 0), hours=(90, 100)), Verdict.NO_GAIN, id="dearer for nothing"),
    ],
)  # fmt: skip
def test_a_target_is_named_first_only_where_nothing_stands_in_the_way(
    found: TargetFigures, verdict: Verdict
) -> None:
    """Watched for a day at least, with skill, not losing, and better for it."""
    (row,) = rows(found)
    assert verdict is row.verdict


def test_a_metric_that_would_be_lost_is_settled_first() -> None:
    """Whatever the ledger says; what it is stands beside it."""
    lost = Remark(remarks.OTHER_METRIC, "spec.metrics[1]: External queue")
    ready, held = rows(figures("api", short=(1, 0)), figures("web", short=(99, 0)), web=lost)
    assert ("api", Verdict.READY) == (ready.target.name, ready.verdict)
    assert (Verdict.SETTLE, "spec.metrics[1]: External queue") == (held.verdict, held.why)


def test_what_the_operator_could_not_take_over_is_settled_first() -> None:
    """In the operator's own words, as they stand in the target's status."""
    world = World()
    world.mode = "Observe"
    world.live["spec"]["metrics"].append({"type": "External", "external": {"metric": {"name": "queue"}}})
    condition = world.plan().condition
    said = {"reason": str(condition.reason), "message": condition.message}
    body = {**helios_target(), "status": {"conditions": [said]}}
    found = sifted(Listed(targets=[body]), Terms(300, lambda _query, _namespace: None))
    (row,) = ranked(found.existing, [figures()], {}, least_days=1)
    assert Verdict.SETTLE is row.verdict
    assert row.why.startswith("spec.keda.adopt: HorizontalPodAutoscaler web-cpu scales on External queue too")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"short": (9, 2)}, "2 minutes short remain"),
        ({"short": (9, 2), "reactive": 1}, "an ordinary reactive decision would have been short for 1"),
        ({"short": (9, 0), "hours": (90, 100)}, "it takes more replicas than ran"),
        ({"anomaly": {"detected": True}}, "it is unusual now"),
    ],
    ids=["minutes that remain", "worse than reactive", "dearer", "abnormal"],
)
def test_the_risk_stands_beside_the_gain(more: dict[str, Any], words: str) -> None:
    """In words."""
    (row,) = rows(figures(**more))
    assert words in row.risks


def test_the_risks_of_the_autoscaler_as_it_is_come_first() -> None:
    """Such as that it scales to zero today."""
    (row,) = rows(figures(short=(9, 0)), web=Remark(remarks.ZERO, "spec.minReplicaCount: 0"))
    assert (Verdict.READY, ("no longer scales to zero in Autoscale",)) == (row.verdict, row.risks)


def test_a_target_that_is_on_or_not_reported_is_not_proposed() -> None:
    """It has no figures, or needs none."""
    found = ranked([existing("on", mode="Autoscale"), existing("new")], [], {}, least_days=1)
    assert [("new", Verdict.UNKNOWN), ("on", Verdict.ON)] == [(r.target.name, r.verdict) for r in found]
    (row,) = ranked([existing(mode="Autoscale")], [figures()], {}, least_days=1)
    assert Verdict.ON is row.verdict


def test_the_command_switches_this_target_on() -> None:
    """To be pasted as it is."""
    (row,) = rows(figures())
    assert (
        'kubectl patch heliostarget web --namespace shop --type merge --patch \'{"spec":{"mode":"Autoscale"}}\''
        == row.command
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (rankings.TargetFigures, target_answers.Target),
        (rankings.LedgerFigures, target_answers.TargetLedger),
        (rankings.MetricFigures, target_answers.TargetMetric),
        (rankings.BreakerFigures, target_answers.TargetBreaker),
        (rankings.AnomalyFigures, target_answers.TargetAnomaly),
        (rankings.FleetFigures, target_answers.Targets),
    ],
    ids=lambda model: str(model.__name__),
)
def test_every_figure_that_is_read_is_one_that_the_api_gives(
    ours: type[BaseModel], theirs: type[BaseModel]
) -> None:
    """By its name there."""
    assert set() == set(ours.model_fields) - set(theirs.model_fields)

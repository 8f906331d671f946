"""Targets as arrays: every row knows its owner, and two targets of one name do not collide."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.policies import Fleet, Metric, StepLimit
from tests.scoring.builders import NOW, fleet, per_target, target

REQUESTS = Metric("requests", "sum(rate(http_requests_total[5m]))", 50.0)


def test_cpu_and_memory_are_always_followed() -> None:
    """They are published even where replicas are decided on something else, and then do not drive."""
    followed = target(metrics=(REQUESTS,)).followed()
    assert [("requests", True), ("cpu", False), ("memory", False)] == [(m.name, m.drives) for m in followed]


@pytest.mark.parametrize(
    ("metrics", "drives"),
    [
        pytest.param((Metric("cpu"),), [True, False], id="cpu by default"),
        pytest.param((Metric("memory"),), [True, False], id="memory where it is named"),
        pytest.param((REQUESTS, Metric("cpu")), [True, True, False], id="both"),
    ],
)
def test_what_is_named_drives(metrics: tuple[Metric, ...], drives: list[bool]) -> None:
    """Rows are the target's own metrics in its order, then what is only published."""
    assert drives == fleet(target(metrics=metrics)).drives.tolist()


def test_rows_are_grouped_by_target() -> None:
    """Every series row finds its target and every target its rows."""
    of = fleet(target("api"), target("web", metrics=(Metric("cpu"), REQUESTS)), target("job"))
    assert [0, 2, 5, 7] == of.first_row.tolist()
    assert [0, 0, 1, 1, 1, 2, 2] == of.owner.tolist()
    assert [[0, 1, -1], [2, 3, 4], [5, 6, -1]] == of.row_of.tolist()
    assert {("shop", "api"): 0, ("shop", "web"): 1, ("shop", "job"): 2} == of.index
    assert "requests" == of.series[3].metric == of.metrics[3].name
    assert REQUESTS.query == of.series[3].query


def test_the_older_of_two_targets_on_one_workload_wins() -> None:
    """The other is named, not scored; so is a StatefulSet of a Deployment's name, as their gauges would collide."""
    older, newer = target("api", max_replicas=3), target("api", max_replicas=30)
    stateful, web = target("api", kind="StatefulSet"), target("web")
    of = Fleet.of([older, newer, web, stateful])
    assert (older, web) == of.targets
    assert (newer, stateful) == of.conflicts


def test_an_empty_fleet_has_empty_arrays() -> None:
    """No targets are a fleet too."""
    of = Fleet.of(())
    assert 0 == len(of)
    assert (0, 2) == of.row_of.shape
    assert (0, 2) == of.wishes.up.shape
    assert of.wishes.minimum.shape == of.policies(NOW, per_target(of, 1)).minimum.shape == (0,)


def test_wishes_become_arrays() -> None:
    """Numbers as they are, what is not wished as NaN or without limit."""
    of = fleet(
        target("api"),
        target("web", lead_seconds=90, scale_up=StepLimit(4, 100), scale_down=StepLimit(pods=1)),
    )
    np.testing.assert_array_equal([np.nan, 90], of.wishes.lead_seconds)
    np.testing.assert_array_equal([[np.inf, np.inf], [4, 100]], of.wishes.up)
    np.testing.assert_array_equal([[np.inf, np.inf], [1, 0]], of.wishes.down)


def test_defaults_are_the_designs() -> None:
    """90 % is the line, 70 % reactive, 80 % the guard, 0.98 the quantile; cpu drives, nothing is touched."""
    one = target()
    assert (0.9, 0.7, 0.8, 0.98) == (
        one.max_utilization,
        one.reactive_utilization,
        one.guard_utilization,
        one.quantile,
    )
    assert ("Observe", 2.5, 300, 3600) == (
        one.mode,
        one.anomaly_threshold,
        one.cooldown_seconds,
        one.freeze_max_seconds,
    )
    assert ((300, 1800), ("cpu",)) == (one.horizons, tuple(m.name for m in one.metrics))


def test_what_one_replica_serves_is_the_targets_or_the_pods() -> None:
    """`perReplica` where it is given, else unknown here and asked of the source."""
    of = fleet(target(metrics=(Metric("cpu"), REQUESTS)))
    np.testing.assert_array_equal([np.nan, 50, np.nan], of.per_replica)

"""A snapshot judged by what was learned from its own service, or beside its own recent past."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.anomalies import pasts
from scoring.anomalies.snapshot_trainings import Recorded, learn
from scoring.anomalies.snapshots import Snapshots
from scoring.anomalies.spreads import Verdict
from tests.scoring.snapshots import KNOWN, learned, service
from tests.scoring.snapshots import given as row_of
from tests.scoring.test_expectations import shipped

NEXT = service(rows=1200, seed=9)
"""A life of the same service that it has not seen."""
NOON = 12.0
ORDINARY = {"cpu_utilization": 0.45, "memory_utilization": 0.6, "db_connections": 37.0}
snapshots = st.fixed_dictionaries(
    {},
    optional={
        "cpu_utilization": st.floats(0, 1000),
        "memory_utilization": st.floats(0, 1000),
        "db_connections": st.floats(0, 1e18),
        "memory_bytes": st.floats(0, 1e18),
    },
)


def judged(
    values: dict[str, float], recent: tuple[dict[str, float], ...] = (), hour: float = NOON
) -> Verdict:
    """By what was learned; some metric is known."""
    verdict = learned().judge(values, recent, hour)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("past", [False, True], ids=["alone", "with a past"])
def test_ordinary_snapshots_seldom_reach_the_threshold(past: bool) -> None:
    """About one in 80 is meant to; of a service that stays as it was no more than four times as many do."""
    rows = range(20, 1200, 2)
    scores = [
        judged(
            row_of(NEXT, k), tuple(row_of(NEXT, j) for j in range(k - 12, k)) if past else (), NEXT.hours[k]
        ).score
        for k in rows
    ]
    assert np.mean(np.array(scores) >= 2.5) < 0.05
    assert np.mean(np.array(scores) >= 1) > 0.1


def test_what_the_others_let_expect_is_expected() -> None:
    """Connections follow CPU: few are expected where CPU is low, many where it is high."""
    low = judged({"cpu_utilization": 0.25, "db_connections": 30}, hour=18.0).opinions["db_connections"]
    high = judged({"cpu_utilization": 0.65, "db_connections": 30}, hour=6.0).opinions["db_connections"]
    assert pytest.approx(25, abs=5) == low.expected
    assert pytest.approx(49, abs=5) == high.expected


def test_a_value_that_is_ordinary_by_itself_is_not_beside_the_others() -> None:
    """Many connections are ordinary, but not while CPU is low at night."""
    by_itself = judged({"db_connections": 48}, hour=6.0).score
    beside = judged({"cpu_utilization": 0.25, "db_connections": 48}, hour=18.0)
    assert by_itself < 2
    assert beside.score > 3.5
    assert "db_connections" == max(beside.opinions, key=lambda name: beside.opinions[name].deviation)


def test_low_values_count_too() -> None:
    """It knows the service: an outage is as unusual as a surge."""
    assert judged(ORDINARY | {"cpu_utilization": 0.0}).score > 3.5


@settings(max_examples=60, deadline=None)
@given(snapshots, st.lists(snapshots, max_size=14), st.floats(0, 23.9))
def test_every_subset_is_judged_within_bounds(
    values: dict[str, float], recent: list[dict[str, float]], hour: float
) -> None:
    """Whatever is missing, now or before: a score of 0 to 12, shares that sum to 1 over what is there, no NaN."""
    for verdict in (learned().judge(values, recent, hour), pasts.judge(shipped(), values, recent, hour)):
        if verdict is None:
            continue
        assert 0 <= verdict.score <= 12
        for name, opinion in verdict.opinions.items():
            assert name in values
            assert np.isfinite([opinion.expected, opinion.residual, opinion.deviation]).all()
            assert pytest.approx(1) == sum(opinion.blame.values())
            assert all(who in values for who, share in opinion.blame.items() if share)
    assert (learned().judge(values, recent, hour) is None) == (not set(values) & set(KNOWN))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(KNOWN), st.sets(st.sampled_from(KNOWN)), st.floats(100, 1e6), st.booleans())
def test_a_wildly_high_value_scores_higher(name: str, others: set[str], times: float, past: bool) -> None:
    """Whichever metric it is, and whatever else is known: critical, and it is the one that is named."""
    values = {one: ORDINARY[one] for one in {name, *others}}
    recent = tuple(values for _ in range(12)) if past else ()
    wild = judged(values | {name: ORDINARY[name] * times}, recent)
    assert wild.score > judged(values, recent).score
    assert wild.score >= 3.5
    assert name == max(wild.opinions, key=lambda one: wild.opinions[one].extent)


def test_the_past_says_more_than_the_hour() -> None:
    """A level that is unusual for the hour is expected to stay once it has lasted."""
    odd = {"cpu_utilization": 0.5}
    alone = judged(odd, hour=18.0).opinions["cpu_utilization"]
    lasting = judged(odd, tuple(odd for _ in range(12)), hour=18.0).opinions["cpu_utilization"]
    assert abs(lasting.expected - 0.5) < abs(alone.expected - 0.5)


def test_too_little_to_learn_from_is_said() -> None:
    """How much there is and how much is needed; and which metric was hardly observed."""
    with pytest.raises(ValueError, match="100 rows: at least 500 are needed"):
        learn(KNOWN, service(rows=100), seed=0)
    values = service().values.copy()
    values[200:, 1] = np.nan
    with pytest.raises(ValueError, match="memory_utilization was observed in fewer than 250 rows"):
        learn(KNOWN, Recorded(values, service().hours), seed=0)


def test_an_ensemble_of_other_inputs_is_refused() -> None:
    """Named, by whoever opens it on purpose."""
    whole = learned()
    whole.warm()
    two = Snapshots(
        KNOWN[:2], whole.ensembles, whole.centre, whole.scale, whole.residuals, whole.levels, whole.joint
    )
    with pytest.raises(ValueError, match="reads 11 inputs instead of 8"):
        two.warm()


PAST = tuple({"cpu_utilization": 0.4 + 0.01 * (k % 3), "db_connections": 15.0 + k % 2} for k in range(24))


def test_a_past_of_its_own_makes_any_metric_judgeable() -> None:
    """Nothing was ever learned of this service: 150 connections after 15 are critical, 16 are not."""
    calm = pasts.judge(shipped(), {"cpu_utilization": 0.41, "db_connections": 16.0}, PAST, NOON)
    loud = pasts.judge(shipped(), {"cpu_utilization": 0.41, "db_connections": 150.0}, PAST, NOON)
    assert calm is not None
    assert loud is not None
    assert calm.score < 2
    assert loud.score >= 3.5
    opinion = loud.opinions["db_connections"]
    assert pytest.approx(15.5, abs=1.5) == opinion.expected
    assert "db_connections" == max(opinion.blame, key=lambda name: opinion.blame[name])


@pytest.mark.parametrize(
    ("values", "recent"),
    [
        pytest.param({"cpu_utilization": 0.4}, PAST, id="one metric"),
        pytest.param({"cpu_utilization": 0.4, "db_connections": 15.0}, PAST[:11], id="a short past"),
        pytest.param({"cpu_utilization": 0.4, "db_cpu": 0.5}, PAST, id="a past of one alone"),
        pytest.param({}, PAST, id="nothing"),
    ],
)
def test_without_enough_of_a_past_nothing_is_said(
    values: dict[str, float], recent: tuple[dict[str, float], ...]
) -> None:
    """Two metrics with a dozen earlier values each are the least."""
    assert pasts.judge(shipped(), values, recent, NOON) is None


def test_a_constant_may_wobble() -> None:
    """What never moved and now does by one part in a hundred is no event."""
    still = tuple({"cpu_utilization": 0.4, "memory_bytes": 5e8} for _ in range(24))
    verdict = pasts.judge(shipped(), {"cpu_utilization": 0.402, "memory_bytes": 5.05e8}, still, NOON)
    assert verdict is not None
    assert verdict.score < 2.5

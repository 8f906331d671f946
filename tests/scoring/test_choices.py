"""Who forecasts, in words."""

from __future__ import annotations

import pytest

from scoring.choices import model_used, why
from scoring.reports import HorizonForecast


def at(horizon: str, expert: str | None, skill: float | None) -> HorizonForecast:
    """A forecast by an expert with some skill."""
    return HorizonForecast(horizon, 0.0, 1.0, 2.0, 3.0, None, expert, skill)


@pytest.mark.parametrize(
    ("horizons", "expected"),
    [
        pytest.param(
            [at("5m", "network", 0.12), at("30m", "persistence", 0.0)],
            "network at 5m: 12 % better than persistence lately; persistence at 30m: nothing beats it here",
            id="two",
        ),
        pytest.param(
            [at("5m", "persistence", 0.03)],
            "persistence at 5m: counts most; all together are 3 % better",
            id="a blend",
        ),
        pytest.param(
            [at("5m", "persistence", None), at("30m", "persistence", -0.1)],
            "persistence at 5m and 30m: nothing beats it here",
            id="the same of both",
        ),
        pytest.param(
            [at("5m", "network", 0.12), at("15m", "network", 0.121), at("30m", "booster", 0.2)],
            "network at 5m and 15m: 12 % better than persistence lately; "
            "booster at 30m: 20 % better than persistence",
            id="the span is said once",
        ),
        pytest.param(
            [at("5m", "network", None)], "network at 5m: not compared with persistence yet", id="young"
        ),
        pytest.param([at("5m", "network", 0.001)], "network at 5m: as good as persistence", id="hardly"),
        pytest.param([at("5m", "baseline", -0.2)], "baseline at 5m: no better than persistence", id="worse"),
        pytest.param([at("5m", None, 0.3)], "nobody at 5m: 30 % better than persistence lately", id="who"),
    ],
)
def test_what_was_chosen_is_said(horizons: list[HorizonForecast], expected: str) -> None:
    """By horizon, with what it is worth; nothing is better than it was."""
    assert expected == why(horizons)


@pytest.mark.parametrize(
    ("asked", "expert", "expected"),
    [("auto", "network", "auto: network"), ("baseline", "baseline", "baseline"), ("auto", None, "auto")],
)
def test_the_model_that_was_used_is_the_chosen_after_the_one_that_chose(
    asked: str, expert: str | None, expected: str
) -> None:
    """Where nobody chose, the name alone."""
    assert expected == model_used(asked, expert)

"""From series to fleets, and from fleets to one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scoring.evaluation.measures import Spread
from scoring.evaluation.summaries import OverFleets, figures, persistence, summary
from scoring.evaluation.tallies import Scores
from tests.scoring.builders import NAN


def scores(*series: float, seconds: float = 0.5, **measures: Any) -> Scores:
    """Scores at one horizon of 5 minutes, each series with this MAE over persistence; other measures are 1."""
    columns = {name: np.array([values]).T for name, values in ({"relative_mae": series} | measures).items()}
    one = np.ones((len(series), 1))
    known = dict.fromkeys(
        ("relative_mae", "mase", "wql", "bias", "coverage", "unforecast", "exceedance", "persistence_mase"),
        one,
    )
    known |= {"persistence_wql": 2 * one, "persistence_bias": 0 * one}
    count = np.full((len(series), 1), 10)
    return Scores(
        model="m",
        step=300.0,
        steps=(1,),
        peaks=(2,),
        points=count,
        windows=count,
        seconds=seconds,
        **(known | columns),
    )


def test_a_fleets_figure_is_the_median_over_its_series() -> None:
    """With the worst decile: the highest, of a coverage the lowest, of a bias the largest to either side."""
    found = figures(
        scores(0.5, 0.7, 0.9, coverage=[0.6, 0.8, 0.9], bias=[-0.5, 0.1, 0.2], exceedance=[0.0, 0.02, 0.1])
    )
    horizon, lead = found.horizons[0], found.leads[0]
    assert (300.0, 30, Spread(0.7, 0.9)) == (horizon.seconds, horizon.points, horizon.relative_mae)
    assert (Spread(0.8, 0.6), Spread(0.1, 0.5)) == (horizon.coverage, horizon.bias)
    assert (600.0, 30, Spread(0.02, 0.1)) == (lead.seconds, lead.windows, lead.exceedance)
    assert (3, 6.0) == (found.series, found.series_per_second)


def test_persistence_is_one_by_definition_and_has_no_band() -> None:
    """Where a series has points at all."""
    found = persistence(scores(0.5, NAN, persistence_wql=[2.0, NAN])).horizons[0]
    assert (Spread(1.0, 1.0), Spread(2.0, 2.0)) == (found.relative_mae, found.wql)
    assert np.isnan([found.coverage.median, found.unforecast.worst]).all()


def test_a_fleet_of_many_weighs_as_much_as_a_fleet_of_one() -> None:
    """The mean of medians; the worst decile is that of all series together."""
    found = summary([scores(*[0.5] * 9, 0.6), scores(1.1), scores(NAN)])
    assert OverFleets(0.8, 0.5, 1.1, 0.6) == found.horizons[300.0]["relative_mae"]
    assert (3, OverFleets(1.0, 1.0, 1.0, 1.0)) == (found.fleets, found.exceedance[600.0])


def test_a_figure_that_no_fleet_has_is_unknown() -> None:
    """Not zero."""
    over = summary([scores(NAN)]).horizons[300.0]["relative_mae"]
    assert np.isnan([over.mean, over.lowest, over.highest, over.worst]).all()


def test_speed_over_fleets_is_that_of_their_series_together() -> None:
    """Three series in half a second and one in half a second are four a second; an untimed fleet counts for nothing."""
    assert (
        pytest.approx(4.0) == summary([scores(1, 1, 1), scores(1), scores(1, seconds=0.0)]).series_per_second
    )


def test_nothing_cannot_be_summarised() -> None:
    """There is no forecaster to name."""
    with pytest.raises(ValueError, match="no fleet"):
        summary([])


def test_scores_of_some_series_keep_their_speed() -> None:
    """Figures of the picked, and their share of the time."""
    found = scores(0.1, 0.2, 0.3, 0.4).for_rows(np.array([3, 1]))
    np.testing.assert_array_equal([[0.4], [0.2]], found.relative_mae)
    assert 8.0 == found.series_per_second

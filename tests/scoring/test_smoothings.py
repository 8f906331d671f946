"""The recursion of exponential smoothing: the library's numbers, column by column, for many rows at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scoring.forecasting.smoothings import Ints, Track, first_season, fitted_parameters, followed
from scoring.panels import Floats
from tests.scoring.builders import NAN

PERIOD = 12
PARAMETERS = (0.4, 0.1, 0.3, 0.9)


def wave(rows: int, columns: int, *, period: int = PERIOD, noise: float = 0.3, seed: int = 0) -> Floats:
    """Rows that repeat themselves, with some noise."""
    shape = 10 + 3 * np.sin(2 * np.pi * np.arange(columns) / period)
    return (shape + np.random.default_rng(seed).normal(0, noise, (rows, columns))).astype(np.float32)


def parameters(rows: int, of: tuple[float, ...] = PARAMETERS) -> Floats:
    """The same for every row."""
    return np.tile(np.array(of, np.float32), (rows, 1))


def lengths(rows: int, period: int = PERIOD) -> Ints:
    """One period for every row."""
    return np.full(rows, period, np.int32)


def track(x: Floats, *, kept: int = 48, longest: int = PERIOD, period: Ints | None = None) -> Track:
    """The track of whole rows, whose first column has the number 0."""
    blank = Track.blank(len(x), kept=kept, longest=longest, end=-1)
    periods = lengths(len(x)) if period is None else period
    return followed(blank, x, x.shape[1] - 1, periods, parameters(len(x)))


def one_step(of: Track, phi: float = PARAMETERS[3]) -> Floats:
    """What was forecast for the column after each that is kept."""
    return of.forecast(1, slice(0, of.kept), PERIOD, np.full(len(of.born), phi, np.float32))


def assert_same(one: Track, other: Track) -> None:
    """The same recursion."""
    assert one.end == other.end
    for name in ("level", "trend", "season", "born", "begun"):
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), rtol=1e-5, atol=1e-5, err_msg=name
        )


@pytest.mark.parametrize("seasonal", [True, False], ids=["with a season", "without"])
def test_the_recursion_is_that_of_statsmodels(seasonal: bool) -> None:
    """Every one-step forecast and the curve ahead are those of the library with the same beginning."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # noqa: PLC0415 - takes seconds

    x = wave(1, 120)
    since = 2 * PERIOD if seasonal else 1
    mine = track(
        x if seasonal else x[:, : 2 * PERIOD - 1], kept=x.shape[1] - since if seasonal else 2 * PERIOD - 2
    )
    columns = x.shape[1] if seasonal else 2 * PERIOD - 1
    season = first_season(x[:, :since], PERIOD)[0] if seasonal else None
    beginning = track(x[:, :since], kept=since)
    alpha, beta, gamma, phi = PARAMETERS
    known = {"initial_level": float(beginning.level[0, -1]), "initial_trend": float(beginning.trend[0, -1])}
    extra = {"seasonal": "add", "seasonal_periods": PERIOD, "initial_seasonal": season} if seasonal else {}
    model = ExponentialSmoothing(
        x[0, since:columns].astype(float),
        trend="add",
        damped_trend=True,
        initialization_method="known",
        **known,
        **extra,
    )
    theirs = model.fit(
        smoothing_level=alpha,
        smoothing_trend=beta,
        smoothing_seasonal=gamma if seasonal else None,
        damping_trend=phi,
        optimized=False,
    )
    np.testing.assert_allclose(theirs.fittedvalues[1:], one_step(mine)[0, :-1], rtol=1e-4)
    if seasonal:  # a whole period ahead the library forgets what the newest value has taught the season
        np.testing.assert_allclose(theirs.season, mine.season[0, -len(theirs.season) :], rtol=1e-4, atol=1e-5)
    ahead = [
        mine.forecast(h, slice(-1, None), PERIOD, np.array([phi], np.float32))[0, 0] for h in range(1, PERIOD)
    ]
    np.testing.assert_allclose(theirs.forecast(PERIOD - 1), ahead, rtol=1e-4)


@pytest.mark.parametrize("cut", [1, 5, 23, 24, 60, 119])
def test_column_by_column_is_as_all_at_once(cut: int) -> None:
    """A cycle that sees one more column, or many, ends where the whole panel ends."""
    x = wave(3, 120)
    x[1, :30] = NAN
    x[2, 50:70] = NAN
    assert_same(track(x), followed(track(x[:, :cut]), x, 119, lengths(3), parameters(3)))


def test_rows_of_different_periods_do_not_mix() -> None:
    """Each row is followed as if it were alone."""
    x = np.concatenate([wave(1, 120, period=p, seed=p) for p in (4, 7, 12)])
    periods = np.array([4, 7, 12], np.int32)
    together = track(x, period=periods)
    for row in range(3):
        alone = slice(row, row + 1)
        assert_same(track(x[alone], period=periods[alone]), together.for_rows(alone))


def test_nothing_is_known_before_the_first_value() -> None:
    """And then the level is that value, without trend and season."""
    x = np.full((1, 10), NAN, np.float32)
    x[0, 6:8] = 5.0
    found = track(x, kept=10)
    assert np.isnan(found.level[0, :6]).all()
    assert [5.0, 5.0] == found.level[0, 6:8].tolist()
    assert [6.0] == found.born.tolist()
    assert not found.season.any()


def test_a_gap_is_passed_over_on_the_forecast() -> None:
    """Level and trend go on as they were forecast, and the season stays."""
    x = wave(1, 60)
    before = track(x[:, :50])
    x[0, 50:] = NAN
    after = track(x)
    phi = np.array([PARAMETERS[3]], np.float32)
    for ahead in (1, 5, 10):
        came = after.level[0, -11 + ahead] + after.season[0, -11 + ahead]
        np.testing.assert_allclose(
            before.forecast(ahead, slice(-1, None), PERIOD, phi)[0, 0], came, rtol=1e-5
        )


def test_columns_that_nobody_saw_are_a_gap() -> None:
    """After an absence longer than the panel reaches back, rows go on."""
    x = wave(1, 60)
    x[0, 40:55] = NAN
    resumed = followed(track(x[:, :40]), x[:, 55:], 59, lengths(1), parameters(1))
    assert_same(track(x), resumed)


def test_a_season_begins_after_two_periods() -> None:
    """Not before; and where the memory holds no two periods, never."""
    x = wave(2, 60)
    x[1, :20] = NAN
    assert [23.0, 43.0] == track(x).begun.tolist()
    assert np.isnan(track(x[:, :23]).begun).all()
    short = followed(track(x[:, :20]), x[:, 15:30], 29, lengths(2), parameters(2))
    assert np.isnan(short.begun).all()


def test_it_can_be_taken_back_to_an_earlier_column() -> None:
    """So that a sample that came late is not lost: from there on it is followed anew."""
    x = wave(2, 60)
    now, before = track(x), track(x[:, :57])
    back = now.until(56)
    assert 56 == back.end
    np.testing.assert_array_equal(before.level[:, 3:], back.level[:, 3:])
    np.testing.assert_array_equal(before.season[:, 3:], back.season[:, 3:])
    assert_same(now, followed(back, x, 59, lengths(2), parameters(2)))


def test_what_had_not_begun_then_has_not_begun() -> None:
    """Taken back before its birth, a row is unborn."""
    x = wave(1, 30)
    x[0, :20] = NAN
    assert [20.0] == track(x).born.tolist()
    assert np.isnan(track(x).until(19).born).all()


@pytest.mark.parametrize(
    ("make", "shares"),
    [
        pytest.param(lambda: wave(1, 24, noise=0), (0.9, 1.0), id="what repeats itself is taken whole"),
        pytest.param(lambda: wave(1, 24, noise=3), (0.1, 0.8), id="noise takes most away"),
        pytest.param(
            lambda: np.arange(24, dtype=np.float32)[None] % 24 * (-1) ** (np.arange(24) >= 12),
            (0.0, 0.0),
            id="opposites are none",
        ),
        pytest.param(lambda: np.full((1, 24), 7, np.float32), (0.0, 0.0), id="a constant has none"),
        pytest.param(lambda: np.full((1, 24), NAN, np.float32), (0.0, 0.0), id="nothing seen is none"),
    ],
)
def test_a_first_season_is_what_two_periods_have_in_common(
    make: Callable[[], Floats], shares: tuple[float, float]
) -> None:
    """Its size says how alike they are; its mean is zero, so that it does not move the level."""
    x = make()
    shape = first_season(x, PERIOD)[0]
    assert (PERIOD,) == shape.shape
    np.testing.assert_allclose(0, shape.mean(), atol=1e-5)
    whole = np.abs(np.nan_to_num(x.reshape(2, PERIOD).mean(axis=0) - x.mean())).max()
    assert shares[0] * whole <= np.abs(shape).max() <= shares[1] * whole + 1e-6


def test_fitted_parameters_forecast_better_than_others() -> None:
    """A noisy level around a wave is followed slowly; a walk at once."""
    x = wave(1, 400, noise=1.0)
    season = first_season(x[:, :24], PERIOD)[0]
    calm = fitted_parameters(x[0, 24:], PERIOD, level=10.0, season=season)
    walk = np.cumsum(np.random.default_rng(0).normal(0, 1, 400)).astype(np.float32)
    wild = fitted_parameters(walk, None, level=0.0, season=season)
    assert calm is not None
    assert wild is not None
    assert calm[0] < 0.2
    assert wild[0] > 0.7
    assert 0.0 == wild[2]


@pytest.mark.parametrize("scale", [1e-6, 1e12], ids=["tiny", "huge"])
def test_the_unit_does_not_matter_to_a_fit(scale: float) -> None:
    """Bytes are fitted as well as cores."""
    x = wave(1, 200)
    season = first_season(x[:, :24], PERIOD)[0]
    plain = fitted_parameters(x[0, 24:], PERIOD, level=10.0, season=season)
    scaled = fitted_parameters(
        x[0, 24:] * np.float32(scale), PERIOD, level=10.0 * scale, season=season * np.float32(scale)
    )
    assert plain is not None
    np.testing.assert_allclose(plain, scaled, atol=0.02)

"""What fleets teach: windows with what came after them, and models that are the better for it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.forecasting.features import AHEAD, INPUTS, WEEK, described
from scoring.forecasting.forecasts import LEVELS, MEDIAN
from scoring.forecasting.learned import Models
from scoring.forecasting.networks import LAYERS, Network, shapes
from scoring.forecasting.samples import SPANS, Examples, drawn
from scoring.forecasting.trainings import _gradients, train
from scoring.panels import Floats, Panel
from tests.scoring.builders import NAN, panel
from tests.scoring.forecasting.builders import HOUR, examples, network

Weights = dict[str, NDArray[np.float64]]


def waves(rows: int, columns: int, *, seed: int = 0, step: float = 300.0, period: int = 18) -> Panel:
    """A fleet of waves, of an hour and a half if nothing else is said, each of its own size and phase."""
    random, t = np.random.default_rng(seed), np.arange(columns)
    size, phase = random.uniform(1, 5, (rows, 1)), random.uniform(0, 1, (rows, 1))
    wave = 2 + np.sin(2 * np.pi * (t / period + phase)) + random.normal(0, 0.1, (rows, columns))
    return panel(size * wave, step=step)


def sampled(of: list[Panel], count: int, *, seed: int = 0) -> Examples:
    """Windows of panels."""
    return drawn(of, count, np.random.default_rng(seed), lambda _done: None)


# Windows


def test_a_window_is_described_as_in_the_loop() -> None:
    """With what came after it, in the window's own measure; gaps are no zeros."""
    of = waves(2, 60)
    some = sampled([of], 100)
    assert (INPUTS, (SPANS, AHEAD)) == (some.inputs.shape[1], some.ahead.shape[1:])
    whole = described(of.values[:, :50], day=288)
    near = np.abs(some.inputs[:, None] - whole.inputs).max(axis=2)
    assert 0 == near.min()
    assert np.isfinite(some.inputs).all()
    assert np.isnan(some.moves).any()  # beyond the end nothing is known


def test_some_windows_are_of_series_in_their_first_hours() -> None:
    """A quarter is cut short, some to half an hour: the share of a week that is known tells."""
    known = np.sort(sampled([waves(1, WEEK * 288 + 200)], 400).inputs[:, -3])
    assert known[0] < 0.02
    assert 0.05 < np.mean(known < 0.05)
    assert known[-1] > 0.9


def test_a_small_fleet_gives_more_than_its_share() -> None:
    """Of two fleets one of which is a hundred times the other, a tenth comes from the small one."""
    small, large = waves(1, 100), waves(100, 100)
    count = len(sampled([small, large], 1000))
    assert 800 < count <= 1000
    assert len(sampled([large], 1000)) - len(sampled([small, large], 1000)) < 150


def test_what_is_not_ordinary_is_neither_an_origin_nor_a_label() -> None:
    """Windows do not end in a censored stretch, and nothing moves to its ceiling."""
    of = waves(2, 80)
    values = of.values.copy()
    values[:, 40:60] = 1000
    some = sampled([panel(values, censored=values == 1000)], 300)
    assert np.nanmax(np.abs(some.moves)) < 10
    assert np.nanmax(np.abs(sampled([panel(values)], 300).moves)) > 2 * np.nanmax(np.abs(some.moves))


# Models


@cache
def trained() -> Models:
    """A network that has learned from a small fleet."""
    return train([waves(20, 600)], boost=False)


@cache
def tiny(seed: int = 0) -> Models:
    """Models of hardly anything."""
    return train([waves(1, 120)], seed=seed)


def errors(of: Models, *, period: int = 18) -> tuple[float, float]:
    """Mean absolute error of the median, and of persistence, an hour ahead on waves that were not learned from."""
    values = waves(30, 500, seed=9, period=period).values
    rows = described(values[:, :-12], day=288)
    said = Network.of(of.network).quantiles(rows, ((12, 12),))[:, 0, MEDIAN]
    return float(np.abs(said - values[:, -1]).mean()), float(np.abs(rows.last - values[:, -1]).mean())


def test_a_network_learns_from_a_fleet_what_it_says_of_another() -> None:
    """After a few seconds on waves it is better than persistence on waves of other sizes and phases."""
    ours, plain = errors(trained())
    assert ours < 0.5 * plain


def test_progress_is_told_stage_by_stage() -> None:
    """Each goes from where it begins to 1."""
    told: list[tuple[str, float]] = []
    train([waves(1, 120)], progress=lambda stage, done: told.append((stage, done)))
    assert ["windows", "network", "trees"] == list(dict.fromkeys(stage for stage, _ in told))
    for stage in ("windows", "network", "trees"):
        done = [part for name, part in told if name == stage]
        assert (sorted(done), 1) == (done, done[-1])


def test_equal_seeds_give_equal_models() -> None:
    """Bit for bit, trees too; another seed gives others."""
    one, again, other = tiny(), tiny.__wrapped__(), tiny(1)
    for name in shapes():
        np.testing.assert_array_equal(one.network[name], again.network[name])
    assert one.booster == again.booster
    assert one.booster is not None
    assert (one.network["trunk_1"] != other.network["trunk_1"]).any()


def test_a_model_goes_on_from_another() -> None:
    """It stays near what it knew and is better on a fleet of its own; trees are not grown where they are not wanted."""
    base = trained()
    tuned = train([waves(8, 600, seed=5, period=26)], base=base, boost=False)
    moved = max(np.abs(tuned.network[n] - base.network[n]).max() for n in shapes())
    assert 0 < moved < 0.05
    assert errors(tuned, period=26)[0] < 0.95 * errors(base, period=26)[0]
    assert tuned.booster is None


@pytest.mark.parametrize(
    ("of", "said"),
    [
        pytest.param([waves(1, 50, step=HOUR)], "steps of 300 s: a panel has 3600 s", id="another step"),
        pytest.param([], "nothing to learn from", id="no panel"),
        pytest.param([panel(np.full((3, 200), 7.0))], "no series moves", id="nothing moves"),
        pytest.param([panel(np.full((3, 200), NAN))], "nothing to learn from", id="nothing was seen"),
        pytest.param([waves(3, 12)], "shorter than an hour", id="an hour of it"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(of: list[Panel], said: str) -> None:
    """In words that say what is wrong."""
    with pytest.raises(ValueError, match=said):
        train(of)


def loss(w: Weights, of: Examples) -> float:
    """Mean pinball loss of what a network says: the definition, apart from the code that learns."""

    def silu(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(x / (1 + np.exp(-x)))

    hidden = silu(silu(of.inputs @ w["trunk_1"] + w["trunk_1_bias"]) @ w["trunk_2"] + w["trunk_2_bias"])
    window = (hidden @ w["window"] + w["window_bias"])[:, None]
    said = silu(silu(of.ahead @ w["ahead"] + window) @ w["head"] + w["head_bias"]) @ w["out"] + w["out_bias"]
    error = of.moves[:, :, None] - said
    levels = np.asarray(LEVELS)
    each = np.nan_to_num(np.maximum(levels * error, (levels - 1) * error))
    return float(each.sum() / of.moves.size)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_network_learns_in_the_direction_in_which_its_loss_falls(layer: str) -> None:
    """Its gradients are the differences of the loss itself, where a label is missing too."""
    some = examples(6)
    some.moves[2, 3] = NAN
    weights: Weights = {n: v.astype(np.float64) for n, v in network().network.items()}
    found = _gradients(weights, some, np.arange(6))  # type: ignore[arg-type]
    random = np.random.default_rng(0)
    for name in (layer, f"{layer}_bias") if layer != "ahead" else (layer,):
        for place in [tuple(random.integers(0, n) for n in weights[name].shape) for _ in range(5)]:
            beside = [{n: v.copy() for n, v in weights.items()} for _ in range(2)]
            for sign, other in zip((1, -1), beside, strict=True):
                other[name][place] += sign * 1e-6
            slope = (loss(beside[0], some) - loss(beside[1], some)) / 2e-6
            np.testing.assert_allclose(found[name][place], slope, rtol=2e-3, atol=1e-6, err_msg=name)


def quantiles(of: Models) -> Floats:
    """What a network says of a fleet."""
    return Network.of(of.network).quantiles(described(waves(5, 300).values, day=288), ((1, 1),))


def test_what_is_learned_can_be_read() -> None:
    """Every array is there, of float32, and what it says is in order."""
    models = tiny()
    assert {np.dtype(np.float32)} == {array.dtype for array in models.network.values()}
    assert (np.diff(quantiles(models), axis=2) >= 0).all()

"""Fleets of every kind, small learned models, and a model that says what a test wants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.auto import Auto
from scoring.forecasting.baseline import Baseline
from scoring.forecasting.boosted import Boosted, grown
from scoring.forecasting.features import AHEAD, INPUTS, Described, Span
from scoring.forecasting.forecasts import LEVELS, Ask, Fitted, Forecast, Forecaster
from scoring.forecasting.learned import Models
from scoring.forecasting.networks import shapes
from scoring.forecasting.online import Online
from scoring.forecasting.samples import SPANS, Examples
from scoring.panels import Floats, Panel
from tests.scoring.builders import NOW, panel

HOUR = 3600.0
"""A coarse grid keeps tests fast: a day is 24 columns."""
KINDS = (
    "flat",
    "nothing",
    "on and off",
    "growing",
    "daily",
    "rough",
    "unseen",
    "negative",
    "of both signs",
    "huge",
    "tiny",
    "one spike",
    "gappy",
    "just begun",
    "ended",
    "bridged",
)
"""Rows as bad as they come."""


def rows_of(kinds: Sequence[str], columns: int, *, seed: int = 0) -> Floats:
    """One row of each kind: `[kinds, columns]`."""
    random, t = np.random.default_rng(seed), np.arange(columns)
    noise = random.random(columns)
    made = {
        "flat": np.full(columns, 3.0),
        "nothing": np.zeros(columns),
        "on and off": np.where(t // 7 % 2, 4.0, 0.0),
        "growing": np.exp(t / 10),
        "daily": 5 + 3 * np.sin(t / 24 * 2 * np.pi) + 0.3 * noise,
        "rough": random.lognormal(0, 3, columns),
        "unseen": np.full(columns, np.nan),
        "negative": -5 - noise,
        "of both signs": noise - 0.5,
        "huge": 1e17 * noise,
        "tiny": 1e-9 * noise,
        "one spike": np.where(t == columns // 2, 1e6, 1.0),
        "gappy": np.where(random.random(columns) < 0.9, np.nan, 5 + noise),
        "just begun": np.where(t < columns - 3, np.nan, 5 + noise),
        "ended": np.where(t >= columns - 2, np.nan, 5 + noise),
        "bridged": np.where(t >= columns - 1, np.nan, 5 + noise),
    }
    return np.array([made[kind] for kind in kinds], np.float32)


def asked(
    of: Panel | int, *, steps: tuple[int, ...] = (1, 2, 6, 12), lead: int = 2, peaks: tuple[int, ...] = ()
) -> Ask:
    """The same of every row of a panel, or of so many."""
    rows = of if isinstance(of, int) else len(of.series)
    return Ask(steps, np.full(rows, lead, np.int32), peaks=peaks)


@cache
def network(seed: int = 1) -> Models:
    """A small network of random weights: what it says is of no use, and not nothing."""
    random = np.random.default_rng(seed)
    return Models(
        {
            name: random.normal(0, 1 / np.sqrt(shape[0]), shape).astype(np.float32)
            for name, shape in shapes((16, 12, 10, 8)).items()
        }
    )


def examples(windows: int, *, seed: int = 0) -> Examples:
    """Made-up windows, whose moves follow the first number that describes them."""
    random = np.random.default_rng(seed)
    inputs = random.normal(0, 1, (windows, INPUTS)).astype(np.float32)
    ahead = random.normal(0, 1, (windows, SPANS, AHEAD)).astype(np.float32)
    moves = inputs[:, :1] + ahead[:, :, 0] + random.normal(0, 0.3, (windows, SPANS))
    return Examples(inputs, ahead, moves.astype(np.float32))


@cache
def trees() -> Models:
    """A few trees, grown on made-up windows."""
    return Models({}, grown(examples(40), 40, 0, lambda _done: None))


def forecaster(name: str) -> Forecaster:
    """One of those that learn online, by name."""
    every: dict[str, Forecaster] = {
        "auto": Auto(network()),
        "baseline": Baseline(),
        "xgboost": Boosted(trees()),
    }
    return every[name]


def forecast(of: Panel, by: Forecaster, ask: Ask | None = None) -> Forecast:
    """A forecast of a panel that was never seen before."""
    wish = asked(of) if ask is None else ask
    return by.fit(of, wish).forecast(of, wish)


def arrays(of: Forecast) -> dict[str, NDArray[Any]]:
    """Everything in a forecast that has rows."""
    return {f.name: v for f in fields(of) if isinstance(v := getattr(of, f.name), np.ndarray)}


def assert_same(one: Forecast, other: Forecast, *, rtol: float = 0.0, apart: tuple[str, ...] = ()) -> None:
    """The same numbers, but for those that are named."""
    for name, values in arrays(one).items():
        if name not in apart:
            size = np.nanmax(np.abs(values), initial=0) if rtol else 0.0
            np.testing.assert_allclose(arrays(other)[name], values, rtol=rtol, atol=rtol * size, err_msg=name)


def following(
    fitted: Fitted | Forecaster, memory: Floats, columns: Sequence[int], *, step: float = HOUR, lead: int = 2
) -> Iterator[tuple[Online, Panel]]:
    """What is known when each of `columns` of a memory was the last, one after the other; the whole past is on the panel.

    Args:
        fitted: goes on, or, if it is a forecaster, begins.
        memory: `[rows, time]`; its column 0 is at `NOW`.
        columns: the last columns.
        step: seconds between columns.
        lead: steps of the lead time.
    """
    ask = asked(len(memory), lead=lead)
    for column in columns:
        of = panel(memory[:, : column + 1], step=step, end=NOW + column * step)
        fitted = fitted.fit(of, ask) if hasattr(fitted, "fit") else fitted.after(of, ask)
        assert isinstance(fitted, Online)
        yield fitted, of


BELL = np.array([NormalDist().inv_cdf(level) for level in LEVELS], np.float32)


@dataclass(frozen=True)
class Bell:
    """A model that takes every series for independent noise around a level: quantiles of a normal distribution.

    Attributes:
        level, sigma: what it believes of it.
    """

    level: float = 0.0
    sigma: float = 1.0
    name: str = "bell"

    def quantiles(self, rows: Described, spans: Sequence[Span]) -> Floats:
        """Of one value, and of the highest of several."""
        normal = NormalDist(self.level, self.sigma)
        said = [
            [normal.inv_cdf(level ** (1 / (last - first + 1))) for level in LEVELS] for first, last in spans
        ]
        return np.tile(np.array(said, np.float32), (len(rows.last), 1, 1))

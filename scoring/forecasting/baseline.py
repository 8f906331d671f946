"""The baseline: persistence, moved by a daily profile and a recent level as far as that has worked on this series.

For each horizon h the forecast is ``x[t] + a (P[t+h] - P[t]) + b (P[t+h] - x[t]) + c (L[t] - x[t])``, where P is the
mean of the same time on past days and L the mean of the last twelve values. The weights are fitted per series and
horizon by damped least squares on one stretch of origins, and errors, skill and quantiles are measured on the
stretch after it, so that nothing is judged on what it was fitted to. Where the weights do not beat persistence there
they are dropped. The daily season is assumed, not found; weeks, trends and events are not looked at: later
forecasters do that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.forecasts import LEVELS, Ask, Forecast, unforecast
from scoring.forecasting.profiles import daily_profile, recent_level
from scoring.forecasting.quantiles import normal_scale, row_quantiles
from scoring.panels import Floats, Panel

MOST_ORIGINS = 576
"""Origins in each of the two stretches: every one of two days at 5 minutes, every fifth at one."""
FEWEST_ERRORS = 12
"""Below so many own errors a band would be a guess: the series has no forecast."""
_DAMPING = 0.05
_SWEEPS = 12
_BLOCK_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Baseline:
    """The forecaster; it keeps nothing between cycles, the panel is all its memory."""

    name: str = "baseline"

    def fit(self, panel: Panel) -> Baseline:
        """Ready at once: weights are fitted anew from each panel's own past."""
        del panel
        return self

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """Forecast block by block of rows, so that intermediate arrays stay in the processor's cache."""
        rows, columns = panel.values.shape
        out = unforecast(panel, ask, self.name)
        height = max(1, _BLOCK_CELLS // max(1, columns))
        for first in range(0, rows, height):
            block = slice(first, min(first + height, rows))
            _forecast_block(panel.for_rows(block), ask, block, out)
        return out


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows in work.

    Attributes:
        x: values, gaps as NaN, `[rows, time]`.
        last: the newest value, `[rows]`.
        profile: the daily profile of past and future columns, `[rows, time + ahead]`.
        level: the mean of the last hour or so before each column, `[rows, time]`.
        stride, origins: every how many columns an origin stands, and how many there are in a stretch.
    """

    x: Floats
    last: Floats
    profile: Floats
    level: Floats
    stride: int
    origins: int

    def at(self, ahead: int, back: int) -> tuple[Floats, Floats, NDArray[np.float32]]:
        """Of a stretch of origins: values, values `ahead` of them, and the changes that are weighed.

        `back` counts stretches from the end: 0 is the newest, 1 the one before.

        Returns:
            `[rows, origins]` twice, and `[changes, rows, origins]`; a change that is not known is none.
        """
        newest = self.x.shape[1] - 1 - ahead - back * self.stride * self.origins
        oldest = newest - self.stride * (self.origins - 1)
        first = oldest if oldest >= 0 else newest % self.stride
        width = max(0, newest - first + self.stride) // self.stride if newest >= 0 else 0
        now = slice(first, first + width * self.stride, self.stride)
        then = slice(first + ahead, first + ahead + width * self.stride, self.stride)
        x, y = self.x[:, now][:, :width], self.x[:, then][:, :width]
        p, q = self.profile[:, now][:, :width], self.profile[:, then][:, :width]
        return x, y, _changes(x, p, q, self.level[:, now][:, :width])

    def from_now(self, ahead: int) -> NDArray[np.float32]:
        """The changes from the newest value on, `[changes, rows]`."""
        t = self.x.shape[1] - 1
        return _changes(self.last, self.profile[:, t], self.profile[:, t + ahead], self.level[:, t])

    def for_rows(self, rows: NDArray[np.intp]) -> _Block:
        """Some rows alone."""
        return _Block(
            self.x[rows], self.last[rows], self.profile[rows], self.level[rows], self.stride, self.origins
        )


def _changes(x: Floats, p: Floats, q: Floats, level: Floats) -> NDArray[np.float32]:
    """The profile's own change, the way back to the profile, and the way back to the last hour's level."""
    changes = np.empty((3, *x.shape), np.float32)
    for out, to, frm in zip(changes, (q, q, level), (p, x, x), strict=True):
        np.subtract(to, frm, out=out)
        np.copyto(out, 0, where=np.isnan(out))
    return changes


def _forecast_block(panel: Panel, ask: Ask, rows: slice, out: Forecast) -> None:
    """Fill the rows of `out`, as steps."""
    # 1 what is known: training values without the censored, and the newest value with them
    last = out.last[rows]
    x = np.where(panel.censored, np.float32(np.nan), panel.values) if panel.censored.any() else panel.values
    # 2 the profile, as far ahead as is asked
    leads = ask.lead[rows]
    ahead = max(*ask.steps, int(leads.max(initial=1)))
    day = round(ask.day / panel.step)
    stride = max(1, -(-2 * day // MOST_ORIGINS))
    origins = min(MOST_ORIGINS, 2 * day // stride)
    profile = daily_profile(x, day=day, ahead=ahead, since=x.shape[1] - 2 * stride * origins - ahead)
    block = _Block(
        x, last, profile, recent_level(x, since=x.shape[1] - 2 * stride * origins - ahead), stride, origins
    )
    # 3 the curve, one horizon at a time
    ranges = _ranges(x)
    for i, step in enumerate(ask.steps):
        centre, errors, skill = _horizon(block, step)
        out.curve[rows, i] = _band(centre, row_quantiles(errors, LEVELS, fewest=FEWEST_ERRORS), ranges)
        out.skill[rows, i] = skill
    # 4 the surprise of the newest value, against what was forecast for it one step before
    _, errors, _ = _horizon(block, 1, newest_first=True)
    if errors.shape[1]:
        out.residual[rows] = errors[:, 0]
        out.sigma[rows] = normal_scale(errors[:, 1:], fewest=FEWEST_ERRORS)
    # 5 the maximum over each lead time, a target of its own
    for lead in np.unique(leads):
        chosen = np.flatnonzero(leads == lead)
        centre, errors, skill = _horizon(block.for_rows(chosen), int(lead), maximum=True)
        quantiles = row_quantiles(errors, LEVELS, fewest=FEWEST_ERRORS)
        place = rows.start + chosen
        out.maximum[place] = _band(centre, quantiles, ranges[chosen])
        out.lead_skill[place] = skill


def _horizon(
    block: _Block, ahead: int, *, maximum: bool = False, newest_first: bool = False
) -> tuple[Floats, Floats, Floats]:
    """One horizon: its centre `[rows]`, its errors on the newest stretch `[rows, origins]`, its skill `[rows]`."""
    # a. the weights, on the older stretch
    x, y, changes = block.at(ahead, back=1)
    weights = _weights(changes, y - x)
    # b. the errors, on the newer: of persistence, and of the weighted change beside it
    x, y, changes = block.at(ahead, back=0)
    changes *= weights[:, :, None]
    change = changes.sum(axis=0)
    plain = y - x
    if maximum:
        came = _running_maximum(block, ahead, x.shape[1])
        held, moved = came - x, came - np.maximum(x, x + change)
    else:
        held, moved = plain, plain - change
    # c. the skill; what has none is persistence
    with np.errstate(invalid="ignore", divide="ignore"):
        both = ~np.isnan(plain - change)
        worse = np.where(both, np.abs(plain), 0).sum(axis=1, dtype=np.float32)
        ours = np.where(both, np.abs(plain - change), 0).sum(axis=1, dtype=np.float32)
        enough = both.sum(axis=1) >= FEWEST_ERRORS
        skill = np.where(enough & (worse > 0), 1 - ours / worse, np.float32(np.nan)).astype(np.float32)
    used = skill > 0
    errors = np.where(used[:, None], moved, held)
    # d. the centre, from the newest value on
    step = np.einsum("ki,ki->i", block.from_now(ahead), weights)
    centre = block.last + np.where(used, step, np.float32(0))
    if maximum:
        centre = np.maximum(centre, block.last)
    return centre, errors[:, ::-1] if newest_first else errors, skill


def _weights(changes: NDArray[np.float32], y: Floats) -> NDArray[np.float32]:
    """Damped least squares of `y` on the changes, row by row, each weight within 0..1: `[changes, rows]`.

    Coordinate descent on the normal equations, which keeps the bounds and minds no singular matrix.
    """
    gap = np.isnan(y)
    if gap.any():
        y, changes = np.where(gap, np.float32(0), y), np.where(gap, np.float32(0), changes)
    # sums are float32 for speed, their products float64: bytes to the fourth power leave float32
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        gram = np.array([[_dots(one, other) for other in changes] for one in changes])
        pull = np.array([_dots(one, y) for one in changes])
        weights = np.zeros_like(pull)
        for _ in range(_SWEEPS):
            for k in range(len(weights)):
                rest = pull[k] - np.einsum("li,li->i", gram[k], weights) + gram[k, k] * weights[k]
                weights[k] = np.clip(np.nan_to_num(rest / (gram[k, k] * (1 + _DAMPING))), 0, 1)
    fitted: Floats = weights.astype(np.float32)
    return fitted


def _dots(one: Floats, other: Floats) -> NDArray[np.float64]:
    """Row by row inner products: `[rows]`."""
    dots: NDArray[np.float64] = np.einsum("ij,ij->i", one, other).astype(np.float64)
    return dots


def _running_maximum(block: _Block, ahead: int, origins: int) -> Floats:
    """The maximum of the `ahead` columns after each origin of the newest stretch; NaN if any is a gap."""
    came: Floats = np.full((block.x.shape[0], origins), -np.inf, np.float32)
    if not origins:
        return came
    newest = block.x.shape[1] - 1 - ahead
    first = newest - block.stride * (origins - 1)
    for j in range(1, ahead + 1):
        np.maximum(came, block.x[:, first + j : newest + j + 1 : block.stride], out=came)
    return came


def _band(centre: Floats, errors: Floats, ranges: Floats) -> Floats:
    """Quantiles around a centre, inside the widened range of the past week: `[rows, levels]`."""
    low, high = ranges[:, :1], ranges[:, 1:]
    with np.errstate(invalid="ignore"):
        band: Floats = np.clip(centre[:, None] + errors, low, high)
    return band


def _ranges(x: Floats) -> Floats:
    """What any forecast is held to: from zero to the highest value seen and as much again of its range."""
    high = np.fmax.reduce(x, axis=1, initial=-np.inf)
    low = np.fmin.reduce(x, axis=1, initial=np.inf)
    with np.errstate(invalid="ignore"):
        top = np.where(np.isfinite(high), high + np.maximum(high - low, np.abs(high)), np.float32(np.inf))
    return np.stack([np.zeros_like(top), top], axis=1).astype(np.float32)

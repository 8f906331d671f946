"""Windows of many fleets with what came after each, as numbers to learn from.

Origins are drawn at random; some windows are cut short, so that a model learns what to say of a series in its first hours.
Every window is described by the function that describes it in the loop. It learns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from scoring.forecasting.features import WEEK, Span, described
from scoring.forecasting.forecasts import DAY
from scoring.panels import Floats, Panel

_NEAR = (1, 1, 2, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 12, 12)
_FAR = (14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48)
_FURTHEST = (72, 96, 144, 192, 240, 288)
_LEADS = (2, 3, 4, 6, 8, 12)
SPANS = 8
"""Spans that are asked about in each window: three near, two far, one up to a day ahead, two maxima."""
_TOGETHER = 256
_SHORT = 0.25
_SHORTEST = 6


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is learned from.

    Attributes:
        inputs: `[windows, INPUTS]`.
        ahead: `[windows, SPANS, AHEAD]`.
        moves: what came less the newest value, in the window's squeezed measure, NaN where unknown, `[windows, SPANS]`.
    """

    inputs: Floats
    ahead: Floats
    moves: Floats

    def __len__(self) -> int:
        return len(self.inputs)

    @classmethod
    def joined(cls, parts: Sequence[Examples]) -> Examples:
        """All of several."""
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in ("inputs", "ahead", "moves")))


def drawn(
    panels: Sequence[Panel], count: int, random: Generator, progress: Callable[[float], None]
) -> Examples:
    """Draw about `count` windows from panels; a small fleet gives more than its share of cells, a large one less."""
    cells = np.array([np.count_nonzero(~np.isnan(panel.values)) for panel in panels], np.float64)
    share = np.sqrt(cells) / max(1.0, np.sqrt(cells).sum())
    parts = []
    for i, panel in enumerate(panels):
        wanted = int(min(count * share[i], cells[i]))
        parts += _of_panel(panel, wanted, random)
        progress((i + 1) / len(panels))
    if not parts:
        raise ValueError("nothing to learn from: no series moves, or all are shorter than an hour")
    return Examples.joined(parts)


def _of_panel(panel: Panel, count: int, random: Generator) -> list[Examples]:
    x = panel.training
    known, columns = ~np.isnan(x), x.shape[1]
    if columns <= 2 * _SHORTEST or not count:
        return []
    rows, origins = random.integers(0, len(x), count), random.integers(_SHORTEST, columns - 1, count)
    keep = known[rows, origins]
    rows, origins = rows[keep], origins[keep]
    day = round(DAY / panel.step)
    out = []
    for first in range(0, len(rows), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        out.append(_examples(x, rows[part], origins[part], day, random))
    return [examples for examples in out if len(examples)]


def _examples(
    x: Floats, rows: NDArray[np.intp], origins: NDArray[np.intp], day: int, random: Generator
) -> Examples:
    spans = _spans(random, day)
    window = _windows(x, rows, origins, WEEK * day, random)
    seen = described(window, day=day)
    ahead = origins[:, None] + np.arange(1, max(last for _, last in spans) + 1)
    later = np.where(ahead < x.shape[1], x[rows[:, None], np.minimum(ahead, x.shape[1] - 1)], np.nan)
    came = np.stack([later[:, first - 1 : last].max(axis=1) for first, last in spans], axis=1)
    moves = seen.squeezed(came) - seen.squeezed(seen.last[:, None])
    keep = ~seen.flat & ~np.isnan(moves).all(axis=1)
    return Examples(seen.inputs[keep], seen.ahead(spans)[keep], moves[keep].astype(np.float32))


def _spans(random: Generator, day: int) -> list[Span]:
    """Which spans a group of windows is asked about."""
    steps = [*random.choice(_NEAR, 3), *random.choice(_FAR, 2), random.choice(_FURTHEST)]
    leads = random.choice(_LEADS, SPANS - len(steps))
    return [*((int(min(s, day)),) * 2 for s in steps), *((1, int(lead)) for lead in leads)]


def _windows(
    x: Floats, rows: NDArray[np.intp], origins: NDArray[np.intp], columns: int, random: Generator
) -> Floats:
    """The past of every origin, `[windows, columns]`, some of it cut short by a logarithmically even length."""
    place = origins[:, None] + np.arange(-columns + 1, 1)
    window = np.where(place >= 0, x[rows[:, None], np.maximum(place, 0)], np.float32(np.nan))
    short = random.random(len(rows)) < _SHORT
    length = np.exp(random.uniform(np.log(_SHORTEST), np.log(columns), len(rows)))
    beyond = np.arange(columns) < (columns - length)[:, None]
    window[short[:, None] & beyond] = np.nan
    return window

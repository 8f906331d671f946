"""A small network that has seen many fleets: from a described window to quantiles of any span ahead, in numpy alone.

A trunk reads the window once; a head reads it again for every span, beside what the same time brought on past days. It
answers in the row's own squeezed measure as a distance from the newest value, so persistence is its zero. It learns
nothing here: `trainings` does that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.features import AHEAD, INPUTS, Described, Span
from scoring.forecasting.forecasts import LEVELS
from scoring.panels import Floats

Weights = Mapping[str, NDArray[np.float32]]

LAYERS = ("trunk_1", "trunk_2", "window", "ahead", "head", "out")
"""Each has its matrix and, `ahead` apart, its `<name>_bias`."""
SIZES = (192, 128, 96, 64)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """The network's weights, checked.

    Attributes:
        weights: name -> float32 array.
    """

    weights: Weights
    name: str = "network"

    @classmethod
    def of(cls, weights: Weights) -> Network:
        """The network of these arrays.

        Raises:
            ValueError: an array is missing, of another shape, or not finite.
        """
        wanted = shapes(_sizes(weights))
        for name, shape in wanted.items():
            found = weights[name].shape if name in weights else None
            if found != shape:
                raise ValueError(f"the network's {name} has shape {found} instead of {shape}")
            if not np.isfinite(weights[name]).all():
                raise ValueError(f"the network's {name} holds values that are not finite")
        return cls({name: np.ascontiguousarray(weights[name], np.float32) for name in wanted})

    def quantiles(self, rows: Described, spans: Sequence[Span]) -> Floats:
        """Quantiles of every span, in the series' unit, never crossing: `[rows, spans, levels]`."""
        w = self.weights
        hidden = _active(
            _active(rows.inputs @ w["trunk_1"] + w["trunk_1_bias"]) @ w["trunk_2"] + w["trunk_2_bias"]
        )
        window = hidden @ w["window"] + w["window_bias"]
        ahead = rows.ahead(spans)
        count = len(spans)
        mixed = ahead.reshape(-1, AHEAD) @ w["ahead"]
        mixed += np.repeat(window, count, axis=0)
        moved = _active(_active(mixed) @ w["head"] + w["head_bias"]) @ w["out"] + w["out_bias"]
        return rows.answered(moved.reshape(-1, count, len(LEVELS)))


def shapes(sizes: tuple[int, int, int, int] = SIZES) -> dict[str, tuple[int, ...]]:
    """The shape of every array of a network of these layer sizes."""
    a, b, c, d = sizes
    matrices = dict(
        zip(LAYERS, ((INPUTS, a), (a, b), (b, c), (AHEAD, c), (c, d), (d, len(LEVELS))), strict=True)
    )
    out: dict[str, tuple[int, ...]] = {}
    for name, shape in matrices.items():
        out[name] = shape
        if name != "ahead":
            out[f"{name}_bias"] = shape[1:]
    return out


def _sizes(weights: Weights) -> tuple[int, int, int, int]:
    """The layer sizes that the arrays have, as far as they can be told."""
    wide = [
        weights[n].shape[-1] if n in weights and weights[n].ndim == 2 else 0
        for n in ("trunk_1", "trunk_2", "window", "head")
    ]
    a, b, c, d = wide
    return a, b, c, d


def _active(values: Floats) -> Floats:
    """SiLU: x / (1 + exp(-x)) (Elfwing et al., 2018), in place."""
    out: Floats = np.negative(values)
    np.exp(np.minimum(out, 80, out=out), out=out)
    out += 1
    np.divide(values, out, out=out)
    return out

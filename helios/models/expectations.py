"""The third kind of folder, `helios-expectations/1`: what is expected of a metric beside its target's others.

The ensemble is not opened here: XGBoost is loaded by whoever asks it first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helios.models.forecasters import BOOSTER, is_booster
from scoring.anomalies.companions import NAMES
from scoring.anomalies.expectations import Expectations
from scoring.anomalies.spreads import SIGMAS, Spread

FORMAT = "helios-expectations/1"
EXPECTATIONS = "expectations"
"""The name under which the detector looks for it."""


def build_expectations(
    arrays: Mapping[str, NDArray[Any]], contents: Mapping[str, bytes], inputs: tuple[str, ...]
) -> Expectations:
    """The learned expectations, if what is stored can be used.

    Args:
        arrays: as read.
        contents: the bytes of every file, verified.
        inputs: the names of what the ensemble reads, as the folder says.

    Raises:
        ValueError: there is no ensemble, or one that reads something else than this version of Helios describes, or an
            array makes no sense.
    """
    if inputs != NAMES:
        wrong = ", ".join(sorted(set(inputs) ^ set(NAMES))) or "their order"
        raise ValueError(
            f"it reads other inputs than this version of Helios describes ({wrong}): train it anew"
        )
    if BOOSTER not in contents:
        raise ValueError(f"`files` does not name {BOOSTER}")
    if not is_booster(contents[BOOSTER]):
        raise ValueError(f"{BOOSTER} is no XGBoost model in UBJ")
    (spread,) = build_spreads(arrays, "steps", 1)
    return Expectations(
        contents[BOOSTER], spread, build_spreads(arrays, "joint", len(arrays.get("joint_values", ())))
    )


def arrays_of(learned: Expectations) -> dict[str, NDArray[Any]]:
    """What `build_expectations` reads.

    Raises:
        ValueError: its spread was not measured.
    """
    if learned.spread is None:
        raise ValueError("how far off it may be was not measured")
    return spread_arrays("steps", [learned.spread]) | spread_arrays("joint", learned.joint)


def spread_arrays(name: str, spreads: Sequence[Spread]) -> dict[str, NDArray[Any]]:
    """Spreads as arrays: `<name>_values` `[spreads, sigmas]` and `<name>_tails` `[spreads, 2]`."""
    return {
        f"{name}_values": np.array([one.values for one in spreads]).reshape(-1, len(SIGMAS)),
        f"{name}_tails": np.array([(one.low, one.high) for one in spreads]).reshape(-1, 2),
    }


def build_spreads(arrays: Mapping[str, NDArray[Any]], name: str, count: int) -> tuple[Spread, ...]:
    """The spreads that `spread_arrays` stored.

    Raises:
        ValueError: an array is missing, of another shape, not finite, does not rise, or a tail has no width.
    """
    values, tails = (
        picked(arrays, f"{name}_values", (count, len(SIGMAS))),
        picked(arrays, f"{name}_tails", (count, 2)),
    )
    if np.any(np.diff(values, axis=1) < 0) or not np.all(tails > 0):
        raise ValueError(f"{name}_values does not rise, or {name}_tails is not above 0")
    return tuple(Spread(row, float(low), float(high)) for row, (low, high) in zip(values, tails, strict=True))


def picked(arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """An array of numbers of a shape.

    Raises:
        ValueError: it is missing, of another shape or not finite.
    """
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    array = arrays[name].astype(np.float64)
    if array.shape != shape or not np.all(np.isfinite(array)):
        raise ValueError(
            f"{name} has the shape {array.shape} instead of {shape}, or holds values that are not finite"
        )
    return array

"""The first kind of folder, `helios-reference/1`: what the stateless API answers from, as arrays that make sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.references import LOWER, MEDIAN, UPPER, Changes, Heights, Reference

FORMAT = "helios-reference/1"
KINDS = ("cpu", "memory")
PERIODS = 288
"""How far ahead a model must be able to answer."""


def build_reference(stored: Mapping[str, NDArray[Any]], *, step_seconds: float, basis: str) -> Reference:
    """The reference made of the arrays.

    Args:
        stored: the arrays by name, as read.
        step_seconds: seconds per period.
        basis: in words, what the figures were measured on.

    Raises:
        ValueError: an array is missing, no number, of the wrong shape, not finite or not rising.
    """
    arrays = {name: array.astype(np.float64) for name, array in stored.items()}
    for name, array in arrays.items():
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name} holds values that are not finite")
    levels = _pick(arrays, "levels", (None,))
    if not np.isin((LOWER, MEDIAN, UPPER), levels).all():
        raise ValueError("levels lacks one of 0.1, 0.5 and 0.9")
    changes, heights = {}, {}
    for kind in KINDS:
        ratios = _pick(arrays, f"{kind}_ratios", (None, len(levels)))
        reached = _pick(arrays, f"{kind}_reached", ratios.shape)
        if len(ratios) < PERIODS:
            raise ValueError(f"{kind}_ratios has {len(ratios)} horizons; {PERIODS} are needed")
        if ratios.min() < 0 or reached.min() < 0 or reached.max() > 1:
            raise ValueError(f"{kind}_ratios or {kind}_reached is out of range")
        changes[kind] = Changes(levels, ratios, reached)
        sigmas = _pick(arrays, "sigmas", (None,))
        tail = float(_pick(arrays, f"{kind}_tail", ()))
        if tail <= 0:
            raise ValueError(f"{kind}_tail must be above 0")
        heights[kind] = Heights(sigmas, _pick(arrays, f"{kind}_values", sigmas.shape), tail)
    return Reference(step_seconds, changes, heights, basis)


def _pick(
    arrays: Mapping[str, NDArray[np.float64]], name: str, shape: tuple[int | None, ...]
) -> NDArray[np.float64]:
    """An array of the wished shape (None: any length), rising along its last axis."""
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or (array.ndim and (array.shape[-1] < 1 or np.any(np.diff(array, axis=-1) < 0))):
        raise ValueError(f"{name} has the shape {array.shape} or does not rise")
    return array

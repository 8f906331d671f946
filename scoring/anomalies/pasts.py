"""A snapshot judged beside its own recent past, by the ensemble that fits any service.

Nothing of the service need have been seen before: a dozen earlier snapshots say where its metrics lie and how they move. It
takes two metrics, for the ensemble reads each beside the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies.companions import LAGS, OWN_INPUTS, Moments, described
from scoring.anomalies.expectations import Expectations
from scoring.anomalies.spreads import Doubles, Opinion, Verdict, blame_of, verdict_of
from scoring.panels import Floats

LEAST = 12
"""So many earlier values of a metric are needed."""
LEAST_STEP = 0.02
"""A metric's usual step is taken for no less than this share of its level: a constant's first wobble is no event."""


def judge(
    expectations: Expectations,
    values: Mapping[str, float],
    recent: Sequence[Mapping[str, float]],
    hour: float,
) -> Verdict | None:
    """What is thought of every metric that has a value and a past; None where fewer than two have.

    Args:
        expectations: with a measured spread; without it there is no opinion.
        values: metric -> value.
        recent: earlier snapshots, the oldest first, evenly apart.
        hour: of the day, 0..24.
    """
    rows = [*recent[-LAGS:], values]
    table = {name: np.array([row.get(name, np.nan) for row in rows]) for name in values}
    names = [name for name, row in table.items() if np.count_nonzero(~np.isnan(row[:-1])) >= LEAST]
    if len(names) < 2 or expectations.spread is None:
        return None
    past = np.stack([table[name] for name in names])
    standard, mean, spread = rescaled(past)
    moments = described(standard, np.array([0, len(names)]), np.full(len(names), hour, np.float32))
    phi = expectations.contributions(moments)
    said = phi.sum(axis=1)
    residual = steps_of(moments, said, mean, spread)
    expected = mean + spread * (moments.last + moments.scale * said)
    opinions = {
        name: Opinion(
            expected=float(expected[row]),
            level=None,
            residual=expectations.spread.sigmas_of(float(residual[row])),
            blame=blame_of(names, _parts(moments, phi, row), row),
        )
        for row, name in enumerate(names)
    }
    return verdict_of(opinions, expectations.joint)


def rescaled(values: NDArray[np.floating]) -> tuple[Floats, Doubles, Doubles]:
    """Values `[series, lags + 1]` less the mean of all but the newest, over their spread; then mean and spread, `[series]`."""
    past = values[:, :-1].astype(np.float64)
    mean, spread = np.nanmean(past, axis=1), np.nanstd(past, axis=1)
    spread = np.maximum(spread, np.maximum(1e-3 * np.abs(mean), 1e-9))
    standard = np.clip((values - mean[:, None]) / spread[:, None], -1e6, 1e6)
    return standard.astype(np.float32), mean, spread


def steps_of(moments: Moments, said: NDArray[np.floating], mean: Doubles, spread: Doubles) -> Doubles:
    """What came less what was expected, in the metric's usual steps, `[series]`; `said` is in units of `moments.scale`."""
    step = np.maximum(moments.scale * spread, LEAST_STEP * np.abs(mean))
    return np.asarray((moments.moved - said) * (moments.scale * spread / step), np.float64)


def _parts(moments: Moments, phi: Doubles, row: int) -> Doubles:
    """What each metric adds to a residual: itself what it did, the others, by how far they moved, what they let expect."""
    about_others = phi[row, len(OWN_INPUTS) : -3].sum()
    weights = np.abs(moments.moved.astype(np.float64))
    weights[row] = 0.0
    total = weights.sum()
    parts = -about_others * (weights / total if total > 0 else weights)
    parts[row] = moments.moved[row] - (phi[row].sum() - (about_others if total > 0 else 0.0))
    return np.asarray(parts)

"""From what the experts say, and what is known of them, to one calibrated band for any span ahead.

Evidence exists for the tasks; a span between two of them is weighed, corrected and widened by both, in proportion of the
logarithm of their distances. Beyond the last task what was learned of it counts less and less, and the model more, for the
last value says little of what comes in some hours (on 2,500 machines that beat staying with it where nothing had beaten it
an hour ahead); no skill is claimed there. It learns nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scoring.forecasting.calibration import calibrated
from scoring.forecasting.evidence import LEADS, STEPS, Evidence
from scoring.forecasting.features import Span
from scoring.forecasting.forecasts import MEDIAN
from scoring.forecasting.opinions import Opinion
from scoring.panels import Floats

_CURVE = tuple(range(len(STEPS)))
_PEAKS = (0, *range(len(STEPS), len(STEPS) + len(LEADS)))
_REACH = (1, *LEADS)


@dataclass(frozen=True, slots=True)
class Blend:
    """What is forecast of some spans.

    Attributes:
        centres: of each expert, in the series' unit, `[rows, spans, experts]`.
        weights: what each counts, `[rows, spans, experts]`.
        bands: quantiles, `[rows, spans, levels]`.
        skills: of each curve step for which there is evidence, `[rows, steps]`.
    """

    centres: Floats
    weights: Floats
    bands: Floats
    skills: Floats

    def skill_at(self, step: int) -> Floats:
        """Skill over persistence so many steps ahead: `[rows]`; NaN where it is not known, as beyond the last task."""
        if step > STEPS[-1]:
            return np.full(len(self.skills), np.nan, np.float32)
        below, above, part = _between(step, STEPS)
        out: Floats = (1 - part) * self.skills[:, below] + part * self.skills[:, above]
        return out


def blended(evidence: Sequence[Evidence], said: Opinion, spans: Sequence[Span]) -> Blend:
    """Weigh, correct and widen what was said.

    Args:
        evidence: of every task.
        said: covers the tasks' curve steps and `spans`.
        spans: what is wanted.
    """
    # 1 what each task has taught
    votes = [part.votes.weights() for part in evidence]
    corrections = []
    for step, part in zip(STEPS, evidence, strict=False):
        place = said.spans.index((step, step))
        if part.regression is not None:
            change = part.regression.change(said.terms[:, place]) * said.scale
            corrections.append(said.last + change - said.quantiles[:, place, MEDIAN])
    # 2 the experts' centres, and what they count, span by span
    places = [said.spans.index(span) for span in spans]
    network = said.quantiles[:, places]
    centres = np.repeat(network[:, :, MEDIAN : MEDIAN + 1], 3, axis=2)
    centres[:, :, 0] = said.last[:, None]
    weights, widths = np.empty_like(centres), np.empty_like(network)
    for i, (first, last) in enumerate(spans):
        below, above, far = _between(last, STEPS)
        near = np.float32(min(1.0, STEPS[-1] / last) ** 2)
        centres[:, i, 2] += near * ((1 - far) * corrections[below] + far * corrections[above])
        tasks = _CURVE if first == last else _PEAKS
        below, above, far = _between(last, STEPS if first == last else _REACH)
        one, other = tasks[below], tasks[above]
        weights[:, i] = near * ((1 - far) * votes[one] + far * votes[other])
        weights[:, i, 1] += 1 - near
        widths[:, i] = (1 - far) * evidence[one].widths + far * evidence[other].widths
    weights[said.flat] = np.eye(1, centres.shape[2], dtype=np.float32)  # it stays where it is until it moves
    # 3 one band
    centre = (weights * centres).sum(axis=2)
    shape = network - network[:, :, MEDIAN : MEDIAN + 1]
    bands = calibrated(centre, shape, said.scale, widths)
    reach = np.maximum(said.high - said.low, np.abs(said.high))
    low, high = np.minimum(said.low, 0), said.high + reach
    bands = _coherent(np.clip(bands, low[:, None, None], high[:, None, None]), spans)
    skills = np.stack([evidence[step].votes.skill() for step in _CURVE], axis=1)
    return Blend(centres, weights, bands.astype(np.float32), skills)


def _coherent(bands: Floats, spans: Sequence[Span]) -> Floats:
    """No maximum is below that over a shorter time: more time to wait never means fewer replicas."""
    order = sorted((last, place) for place, (first, last) in enumerate(spans) if first == 1)
    for (_, shorter), (_, longer) in pairwise(order):
        np.maximum(bands[:, longer], bands[:, shorter], out=bands[:, longer])
    return bands


def _between(step: int, grid: Sequence[int]) -> tuple[int, int, np.float32]:
    """The places in `grid` that a step lies between, and how far it is from the first to the second, by logarithm."""
    above = int(np.searchsorted(grid, step))
    if above == 0 or above == len(grid):
        place = min(above, len(grid) - 1)
        return place, place, np.float32(0)
    low, high = np.log(grid[above - 1]), np.log(grid[above])
    return above - 1, above, np.float32((np.log(step) - low) / (high - low))

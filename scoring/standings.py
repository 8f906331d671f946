"""How the forecast of one target stands beside the reactive path, in plain values and words: its breaker and its roll-out.

Read from the board's arrays when asked for, never for the fleet. Who is withdrawn and who may depart how far is not decided here.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scoring.breakers import comparison
from scoring.explanations import moment
from scoring.ledgers import span
from scoring.policies import Rollout, Target
from scoring.publisher import Scores
from scoring.reports import BreakerReport, RolloutReport, number, time_of, whole


def breaker(scores: Scores, row: int) -> BreakerReport:
    """Whether the forecast is withdrawn, and by which figures."""
    is_open, losing = bool(scores.breaker[row] > 0), bool(scores.losing[row] > 0)
    since, now = time_of(scores.turned_at[row]), time_of(scores.scored_at[row])
    cause, seen = compared(scores.turned_by[row]), compared(scores.versus[row])
    hours, bare, short, bare_short, window = (number(v) for v in scores.versus[row])
    if losing and since is not None and window is not None:
        state = "open" if is_open else "would be open in Autoscale,"
        text = f"{state} since {moment(since, now)}: {cause}; closes when it has not lost for {span(window)}"
    else:
        text = f"closed: {seen}" if seen else "nothing to compare yet"
    return BreakerReport(is_open, losing, since, cause, window, hours, bare, short, bare_short, text=text)


def compared(figures: NDArray[np.float64]) -> str:
    """Figures of both paths in words; empty where there are none."""
    hours, bare, short, bare_short, window = figures.tolist()
    known = math.isfinite(sum(figures))
    return comparison((hours, bare, short, bare_short, window)) if known else ""


def rollout(target: Target, scores: Scores, row: int) -> RolloutReport:
    """How far the published number may be from the reactive one, since when, and what it takes to widen."""
    ratio, since = number(scores.rollout[row]), time_of(scores.rollout_since[row])
    if ratio is None:
        return RolloutReport()
    wish = target.rollout
    if wish is None or target.mode != "Autoscale":
        begins = "" if wish is None else f": a roll-out begins with Autoscale, at {100 * wish.start:g} %"
        return RolloutReport(ratio, text=f"not limited{begins}")
    said = f" since {moment(since, time_of(scores.scored_at[row]))}" if since is not None else ""
    if ratio >= 1:
        return RolloutReport(ratio, since, text=f"not limited{said}: the roll-out is complete")
    seen, short, bare, *_ = (number(v) for v in scores.rollout_stage[row])
    report = RolloutReport(
        ratio,
        since,
        whole(scores.beside[row]),
        wish.step,
        wish.every,
        seen,
        short,
        bare,
        text=f"within {100 * ratio:g} % of the reactive decision{said}; ",
    )
    withdrawn = bool(scores.breaker[row] > 0)
    next_step = _to_win(wish, ratio, scores.rollout_stage[row]) if not withdrawn else _ANEW
    return replace(report, text=report.text + next_step)


_ANEW = "the forecast is withdrawn, and it begins anew when the breaker closes"


def _to_win(wish: Rollout, ratio: float, stage: NDArray[np.float64]) -> str:
    """What it takes to widen, and how far that is."""
    seen, short, bare, hours, bare_hours = stage.tolist()
    change = round(100 * (hours / bare_hours - 1)) if bare_hours > 0 else 0
    return (
        f"{min(100.0, 100 * (ratio + wish.step)):g} % after {span(wish.every)} in which the forecast is neither more short than a "
        f"reactive autoscaler nor dearer for nothing (seen: {span(seen)}, {short:.0f} minutes short against {bare:.0f}, "
        f"{change:+d} % replica-hours)"
    )

"""What one cycle posts on the board: what was seen, forecast, found and decided, as `Scores`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies.anomalies import Anomalies
from scoring.forecasting.forecasts import LOWER, MEDIAN, UPPER
from scoring.policies import Fleet
from scoring.publisher import Scores
from scoring.recommending.decisions import Decisions, Situation
from scoring.recommending.reasons import Path


def posting(
    fleet: Fleet,
    s: Situation,
    d: Decisions,
    state: Anomalies,
    *,
    places: Sequence[int],
    others: Mapping[str, NDArray[Any]],
) -> Scores:
    """The scores of a cycle.

    Args:
        fleet: the targets and their series.
        s: what was decided on.
        d: what was decided.
        state: what is abnormal.
        places: the fleet's horizons among the steps of the forecast's curve.
        others: fields of `Scores` that come from elsewhere, by name.
    """
    f, owner, count = s.forecast, fleet.owner, len(fleet)
    curve = f.curve[:, places][:, :, [LOWER, MEDIAN, UPPER]]
    requested = (s.workloads.replicas[owner] * s.workloads.request)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(requested > 0, curve[:, :, 1] / requested, np.nan).astype(np.float32)
        muted = s.policies.muted | (state.since <= s.policies.acknowledged)
    # who has no pods is not judged
    seen = np.where(d.path == Path.SCALED_TO_ZERO, np.nan, 1).astype(np.float32)
    return Scores(
        scored_at=np.full(count, s.now),
        replicas=s.workloads.replicas,
        recommended=d.recommended,
        uncapped=d.uncapped,
        least=s.policies.minimum,
        most=s.policies.maximum,
        signal=d.signal,
        confidence=d.confidence,
        score=state.score * seen,
        detected=state.detected * seen,
        critical=state.critical * seen,
        direction=state.direction,
        since=state.since,
        kind=state.kind,
        peak=state.peak,
        culprit=state.culprit,
        expected=state.expected,
        came=state.came,
        ended=np.full(count, np.nan),
        alarms=state.alarms,
        calibrating=state.points,
        calibrated_at=state.needed,
        threshold=s.policies.threshold,
        muted=muted * seen,
        alarming=(state.detected & ~muted) * seen,
        alarming_critical=(state.critical & state.detected & ~muted) * seen,
        path=d.path,
        limits=d.limits,
        driver=d.driver,
        demand=d.demand,
        beside=d.beside,
        lead_seconds=s.lead_seconds,
        last=f.last,
        request=s.workloads.request,
        ratio=ratio,
        curve=curve,
        maximum=f.maximum,
        lead_skill=f.lead_skill,
        skill=f.skill[:, places],
        chosen=f.chosen[:, places],
        experts=f.experts,
        points=f.points,
        needed=f.needed,
        share=state.share,
        **others,
    )

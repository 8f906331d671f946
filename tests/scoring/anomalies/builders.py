"""What a cycle found, series to be watched, and a watch over a fleet, cycle by cycle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.anomalies.anomalies import Anomalies
from scoring.anomalies.detectors import Detection, Detector
from scoring.anomalies.episodes import Found, Onsets
from scoring.anomalies.walks import Track, Walked, walk
from scoring.forecasting.forecasts import Ask, unforecast
from scoring.panels import Bools, Floats, Panel
from scoring.policies import Fleet, Metric
from tests.scoring.builders import DAY, NAN, NOW, STEP, Values, fleet, per_row, per_target, target

HOUR = 3600.0
"""A coarse grid keeps tests fast: a day is 24 columns, and 48 rows are enough to be scored."""
REQUESTS = Metric("requests", "sum(rate(requests[5m]))", 50.0)


def found(
    of: Fleet,
    score: float | Sequence[float] = 0.0,
    *,
    moving: float | Sequence[float] | None = None,
    last: Values = 10.0,
    expected: Values = 10.0,
    size: Values = 1.0,
    share: Values | None = None,
    moving_share: Values | None = None,
    culprit: Sequence[int] | None = None,
    fresh: bool = True,
    abrupt: bool = True,
    judged: bool = True,
) -> Found:
    """What one cycle found: by default of each target's first metric, that drives, at once, and for the first time."""
    shares = _first(of) if share is None else per_row(of, share)
    return Found(
        judged=np.full(len(of), judged),
        score=per_target(of, score),
        moving=per_target(of, score if moving is None else moving),
        fresh=np.full(len(of), fresh),
        culprit=of.first_row[:-1].copy() if culprit is None else np.array(culprit, np.intp),
        points=per_target(of, 2016.0),
        needed=per_target(of, 288.0),
        share=shares,
        moving_share=np.where(of.drives, shares if moving_share is None else per_row(of, moving_share), NAN),
        last=per_row(of, last),
        expected=per_row(of, expected),
        size=per_row(of, size),
        abrupt=np.full(len(of.series), abrupt),
    )


def _first(of: Fleet) -> Floats:
    """All the share to the first metric of each target."""
    out = np.zeros(len(of.series), np.float32)
    out[of.first_row[:-1]] = 1
    return out


def after(
    of: Fleet,
    what: Found,
    before: Onsets | None = None,
    *,
    threshold: float = 2.5,
    now: float = NOW,
    **hold: float,
) -> Onsets:
    """The state after a cycle."""
    thresholds = np.full(len(of), threshold, np.float32)
    return (before or Onsets.none(of)).after(of, what, thresholds, now, **hold)


def surprised(demand: Sequence[float], *, step: float = STEP, **given: Any) -> list[Anomalies]:
    """The states of one target whose cpu does `demand` from 10 on, where the last value is expected and 1 is a sigma."""
    of, onsets, before, states = fleet(), None, 10.0, []
    for i, value in enumerate(demand):
        what = found(
            of, abs(value - before), last={"cpu": value}, expected={"cpu": before}, size={"cpu": 1.0}, **given
        )
        onsets = after(of, what, onsets, now=NOW + i * step)
        before = value
        states.append(onsets.state)
    return states


def ordinary(
    rows: int, columns: int, *, step: float = STEP, seed: int = 0, heavy: bool = False, depends: float = 0.7
) -> Floats:
    """Rows with a daily wave and noise that depends on the noise before it; `heavy`: with tails as production has."""
    random, t = np.random.default_rng(seed), np.arange(columns) * step
    new = random.standard_t(4, (rows, columns)) / 2**0.5 if heavy else random.normal(0, 1, (rows, columns))
    noise = new.copy()
    for column in range(1, columns):
        noise[:, column] = depends * noise[:, column - 1] + (1 - depends**2) ** 0.5 * new[:, column]
    made: Floats = (10 + 3 * np.sin(2 * np.pi * t / DAY) + 0.5 * noise).astype(np.float32)
    return made


def track(values: ArrayLike, *, step: float = HOUR) -> Track:
    """One target's past, from `NOW` on; `[rows]` or `[metrics, rows]`."""
    grid = np.atleast_2d(np.asarray(values, np.float32))
    return Track(NOW + step * np.arange(grid.shape[1], dtype=np.float64), grid, step)


def walked(*values: ArrayLike, step: float = HOUR) -> list[Walked]:
    """The shipped detector over so many pasts."""
    return walk([track(one, step=step) for one in values], lambda _share: None)


def singles(count: int) -> Fleet:
    """Targets of one metric each that drives."""
    return fleet(*(target(f"api-{i}", metrics=(REQUESTS,)) for i in range(count)))


def alone(of: Fleet) -> NDArray[np.intp]:
    """The rows of `requests`: what `singles` follows beside them is silent."""
    return np.array([i for i, metric in enumerate(of.metrics) if metric.name == "requests"], np.intp)


def grid(of: Fleet, values: ArrayLike) -> Floats:
    """`values` as the `requests` of each target; all else is silent."""
    given = np.atleast_2d(np.asarray(values, np.float32))
    out = np.full((len(of.series), given.shape[1]), NAN, np.float32)
    out[alone(of)] = given
    return out


@dataclass
class Watch:
    """A detector in its loop, without a forecast.

    Attributes:
        of: the fleet.
        step: seconds between columns, and between cycles.
        columns: of the panel, of which those before the memory are unknown.
        detection: what the detector remembers.
    """

    of: Fleet
    step: float = HOUR
    columns: int = 400
    threshold: float = 2.5
    detection: Detection | None = None
    detector: Detector = field(default_factory=Detector)

    def panel(self, values: Floats, column: int) -> Panel:
        """The panel whose last column is that of a memory which begins at `NOW`."""
        seen = np.full((len(values), self.columns), NAN, np.float32)
        known = values[:, max(0, column + 1 - self.columns) : column + 1]
        seen[:, self.columns - known.shape[1] :] = known
        start = NOW + (column - (self.columns - 1)) * self.step
        return Panel(self.of.series, start, self.step, seen, np.zeros(seen.shape, np.bool_))

    def see(self, values: Floats, column: int, *, hidden: Bools | None = None, **said: Any) -> Anomalies:
        """One cycle that finds `column` to be the last; `said` is what the forecast says."""
        panel = self.panel(values, column)
        ask = Ask((1,), np.ones(len(panel.series), np.int32), DAY)
        before = self.detection or Detection.none(self.of)
        self.detection = self.detector.score(
            self.of,
            panel,
            replace(unforecast(panel, ask, "none"), **said),
            np.full(len(self.of), self.threshold, np.float32),
            before,
            now=panel.end,
            hidden=hidden,
        )
        return self.detection.state

    def through(self, values: Floats, first: int, stop: int) -> list[Anomalies]:
        """Every column from `first` until before `stop`, one by one."""
        return [self.see(values, column) for column in range(first, stop)]


def scores(states: Sequence[Anomalies]) -> Floats:
    """The scores of every cycle: `[targets, cycles]`."""
    return np.stack([state.score for state in states], axis=1)


def arrays(of: Any, name: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Every array of a dataclass, however deep."""
    for f in fields(of):
        inner = getattr(of, f.name)
        if is_dataclass(inner):
            yield from arrays(inner, f"{name}.{f.name}")
        elif isinstance(inner, np.ndarray):
            yield f"{name}.{f.name}", inner


def assert_sound(state: Anomalies) -> None:
    """Nothing that is published is infinite, and what is not known is so for a reason."""
    for name, values in arrays(state):
        assert not np.isinf(values).any(), name
    scored, held = np.isfinite(state.score), state.detected
    assert (state.score[scored] >= 0).all()
    assert np.isfinite(state.since[held]).all()
    assert np.isfinite(state.peak[held]).all()
    assert (state.culprit[held] >= 0).all()
    assert np.isfinite(state.expected[held]).all()
    assert np.isfinite(state.came[held]).all()
    for name in ("alarms", "points", "needed"):
        assert np.isfinite(getattr(state, name)).all(), name
    assert np.isnan(state.since[~held]).all()

"""Holt-Winters: a level, a damped trend and a season, each following the series as fast as has fitted it best.

statsmodels finds the four parameters, a few series in each cycle, on what is older than the days by which the forecast
is judged; until its turn a row has the median of what others were found to have. The recursion itself runs for all rows
at once (`smoothings`), with the season that is found, or a day's. Quantiles are those of its own errors, horizon by
horizon (`hindsights`): nothing is assumed of their shape. It says what it finds: a row without skill is forecast as
badly as it is, and its skill tells. Only where a day was flat the last value stands instead. One season per row; clock
changes, weeks beside days and events are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.forecasting.envelopes import highest_possible, is_flat
from scoring.forecasting.forecasts import FRESH_COLUMNS, Ask, Forecast, newest, unforecast
from scoring.forecasting.hindsights import FEWEST_ERRORS, Hindsight
from scoring.forecasting.quantiles import normal_scale
from scoring.forecasting.seasons import SHORTEST, periods
from scoring.forecasting.smoothings import PHI, Ints, Track, first_season, fitted_parameters, followed
from scoring.panels import Bools, Floats, Panel, at_rows

Rows = NDArray[np.intp]

DEFAULTS = (0.7, 0.02, 0.1, 0.8)
"""Alpha, beta, gamma and phi while hardly any row was fitted."""
FEWEST_TO_SHARE = 3
FEWEST_TO_FIT = 144
"""Columns that a fit needs to be worth more than others' parameters."""
_REVISED = 2
_BROUGHT = 12
"""Columns of history behind the first value for which a row begins anew."""
"""The newest columns may still change: a late sample, a mark that it was an anomaly."""
_CANDIDATES = 64
_ROWS_AT_ONCE = 512
_FEWEST_KEPT, _MOST_KEPT = 96, 672

Periods = Callable[[Floats, int], Ints]
"""Finds seasons: values `[rows, time]` and columns in a day -> columns, `[rows]`; 0 where there is none."""


def found_periods(x: Floats, day: int) -> Ints:
    """The dominant period of each row; none in a day of so few columns that a part of it has no shape."""
    return periods(x, day=day) if day >= 2 * SHORTEST else np.zeros(len(x), np.int32)


@dataclass(frozen=True, slots=True)
class HoltWinters:
    """The forecaster.

    Attributes:
        periods: how seasons are found; each row's is looked for when it is new and whenever it is fitted.
        budget: how many series statsmodels fits in one cycle; each takes some 20 ms.
        name: what users write.
    """

    periods: Periods = found_periods
    budget: int = 8
    name: str = "holt-winters"

    def fit(self, panel: Panel, ask: Ask) -> Smoothed:
        """Follow the whole panel, and fit the first few rows."""
        return Smoothed.blank(self, len(panel.series)).after(panel, ask)

    def restored(self, arrays: Mapping[str, NDArray[Any]], rows: int) -> Smoothed | None:
        """The parameters that were found; the recursion runs anew over the next panel."""
        blank = Smoothed.blank(self, rows)
        if _kinds(arrays) != _kinds(blank.arrays()):
            return None
        parameters, period = arrays["parameters"], arrays["period"]
        possible: Bools = np.asarray(((parameters >= 0) & (parameters <= 1)).all(axis=1))
        return replace(
            blank,
            parameters=np.where(possible[:, None], parameters, blank.parameters),
            fitted=np.where(possible, arrays["fitted"], blank.fitted),
            period=np.where(period >= 0, period, blank.period),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """Every row's parameters, and what the recursion went through.

    Attributes:
        forecaster: how it was made.
        parameters: `[rows, 4]`, NaN in rows that were not fitted yet.
        fitted: UNIX seconds of each row's fit, NaN: not yet, `[rows]`.
        period: of each row's season, in columns; 0: not looked for yet, `[rows]`.
        track: the recursion; None: not run yet.
    """

    forecaster: HoltWinters
    parameters: Floats
    fitted: NDArray[np.float64]
    period: Ints
    track: Track | None

    @classmethod
    def blank(cls, forecaster: HoltWinters, rows: int) -> Smoothed:
        """Nothing was seen."""
        unknown = np.full((rows, 4), np.nan, np.float32)
        return cls(forecaster, unknown, np.full(rows, np.nan), np.zeros(rows, np.int32), None)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Parameters, when they were fitted, and periods; the panel is the memory of the rest."""
        return {"parameters": self.parameters, "fitted": self.fitted, "period": self.period}

    def for_rows(self, rows: Rows) -> Smoothed:
        """The same for other rows; what is new follows its own past in the next `after`."""
        return Smoothed(
            self.forecaster,
            at_rows(self.parameters, rows, np.nan),
            at_rows(self.fitted, rows, np.nan),
            at_rows(self.period, rows, 0),
            None if self.track is None else self.track.moved(rows),
        )

    def after(self, panel: Panel, ask: Ask) -> Smoothed:
        """Follow what is new, then fit the few rows whose turn it is."""
        work = _Work.of(panel, ask)
        seen, track = _caught_up(self, work)
        rows = _turn(seen, track, work)
        return _fitted(seen, track, rows, work) if len(rows) else seen

    def forecast(self, panel: Panel, ask: Ask) -> Forecast:
        """Forecast block by block of rows that have one period, so that intermediate arrays stay in the cache."""
        work = _Work.of(panel, ask)
        seen, track = _caught_up(self, work)
        out = unforecast(panel, ask, self.forecaster.name)
        for period in np.unique(seen.period):
            rows = np.flatnonzero(seen.period == period)
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                block = rows[first : first + _ROWS_AT_ONCE]
                _forecast_block(_hindsight(seen, track, block, work), block, work, out)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """A panel and what is asked of it.

    Attributes:
        panel, ask: both.
        x: what may be learned from, `[rows, time]`.
        end: the panel's last column, counted in steps since 1970.
        day: columns in a day.
        kept: columns by which forecasts are judged: two days, within what is worth keeping.
    """

    panel: Panel
    ask: Ask
    x: Floats
    end: int
    day: int
    kept: int

    @classmethod
    def of(cls, panel: Panel, ask: Ask) -> _Work:
        day = max(1, round(ask.day / panel.step))
        kept = min(max(2 * day, _FEWEST_KEPT), _MOST_KEPT)
        return cls(panel, ask, panel.training, round(panel.end / panel.step), day, kept)

    @property
    def oldest(self) -> int:
        """The panel's first column."""
        return self.end + 1 - int(self.x.shape[1])

    def periods(self, rows: Rows, find: Periods) -> Ints:
        """The seasons of some rows: what is found up to half a day, else a day's, which is likelier than nearly a day's."""
        found = find(self.x[rows], self.day)
        return np.where((found >= 2) & (found <= self.day // 2), found, self.day).astype(np.int32)


def _kinds(arrays: Mapping[str, NDArray[Any]]) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    return {name: (array.shape, array.dtype) for name, array in arrays.items()}


def _caught_up(seen: Smoothed, work: _Work) -> tuple[Smoothed, Track]:
    """Having followed the panel to its end; new rows, and all after a long absence, from its beginning."""
    track, period = seen.track, seen.period
    usable = track is not None and (track.kept, track.longest) == (work.kept, work.day)
    if track is None or not usable or not work.oldest + _REVISED <= track.end <= work.end:
        track, fresh = None, np.arange(len(period))
    else:
        period = np.where(_brought(track, work), 0, period).astype(period.dtype)
        fresh = np.flatnonzero(period == 0)
        if track.end < work.end:
            earlier = track.until(track.end - _REVISED)
            track = followed(earlier, work.x, work.end, np.maximum(period, 1), _in_force(seen))
    unknown = np.flatnonzero(period == 0)
    if len(unknown):
        period = period.copy()
        period[unknown] = work.periods(unknown, seen.forecaster.periods)
    seen = replace(seen, period=np.minimum(period, work.day))
    if track is None:
        track = _from_the_beginning(seen, fresh, work)
    elif len(fresh):
        track = track.put(fresh, _from_the_beginning(seen, fresh, work))
    return replace(seen, track=track), track


def _brought(track: Track, work: _Work) -> NDArray[np.bool_]:
    """Rows behind whose first value history has arrived: they begin anew, `[rows]`."""
    seen = ~np.isnan(work.x)
    first = work.oldest + seen.argmax(axis=1)
    with np.errstate(invalid="ignore"):
        late: NDArray[np.bool_] = seen.any(axis=1) & (track.born > first + _BROUGHT)
    return late


def _from_the_beginning(seen: Smoothed, rows: Rows, work: _Work) -> Track:
    """The track of some rows over the whole panel."""
    blank = Track.blank(len(rows), kept=work.kept, longest=work.day, end=work.oldest - 1)
    x = work.x if len(rows) == len(work.x) else work.x[rows]
    return followed(blank, x, work.end, seen.period[rows], _in_force(seen)[rows])


def _in_force(seen: Smoothed) -> Floats:
    """The parameters of every row: its own, or the median of those found, or the defaults: `[rows, 4]`."""
    own = ~np.isnan(seen.parameters[:, 0])
    enough = np.count_nonzero(own) >= FEWEST_TO_SHARE
    shared = np.median(seen.parameters[own], axis=0) if enough else np.array(DEFAULTS)
    return np.where(own[:, None], seen.parameters, shared).astype(np.float32)


def _turn(seen: Smoothed, track: Track, work: _Work) -> Rows:
    """The rows to be fitted now: of those that have waited longest, those with most skill."""
    due = np.isnan(seen.fitted) | (
        np.abs(work.panel.end - seen.fitted) >= work.ask.day
    )  # clocks are set back too
    long_enough = _first_to_fit(seen, track, work) + FEWEST_TO_FIT <= work.x.shape[1] - work.kept
    rows = np.flatnonzero(due & long_enough)
    waiting = np.argsort(np.nan_to_num(seen.fitted[rows], nan=-np.inf), kind="stable")
    rows = rows[waiting][:_CANDIDATES]
    rows = rows[~is_flat(work.x[rows])]
    if len(rows) <= seen.forecaster.budget:
        return rows
    skill = [_hindsight(seen, track, rows[i : i + 1], work).errors(1)[1][0] for i in range(len(rows))]
    return rows[np.argsort(-np.nan_to_num(np.array(skill), nan=-np.inf), kind="stable")][
        : seen.forecaster.budget
    ]


def _first_to_fit(seen: Smoothed, track: Track, work: _Work) -> NDArray[np.float64]:
    """The column of the panel from which on each row can be fitted: after its first two periods; inf: never seen."""
    born = np.maximum(track.born - work.oldest, 0)
    before = np.where(np.isnan(track.begun), 1, 2 * seen.period)
    return np.where(np.isnan(born), np.inf, born + before)


def _fitted(seen: Smoothed, track: Track, rows: Rows, work: _Work) -> Smoothed:
    """With some rows fitted anew, on what is older than the columns they are judged by, and followed anew."""
    parameters, fitted, period = seen.parameters.copy(), seen.fitted.copy(), seen.period.copy()
    fitted[rows] = work.panel.end
    period[rows] = work.periods(rows, seen.forecaster.periods)
    seen = replace(seen, period=period)
    first, stop = _first_to_fit(seen, track, work), work.x.shape[1] - work.kept
    for row in rows[first[rows] + FEWEST_TO_FIT <= stop]:
        seasonal = not np.isnan(track.begun[row])
        found = _parameters(work.x[row, :stop], int(first[row]), int(period[row]) if seasonal else None)
        if found is not None:
            parameters[row] = found
    seen = replace(seen, parameters=parameters, fitted=fitted)
    return replace(seen, track=track.put(rows, _from_the_beginning(seen, rows, work)))


def _parameters(x: Floats, since: int, period: int | None) -> Floats | None:
    """The parameters of one series `[time]` from a column on; what is before it begins level and season."""
    season = first_season(x[None, :since], period)[0] if period is not None else np.zeros(1, np.float32)
    before = x[max(0, since - 12) : since]
    known = before[~np.isnan(before)]
    if not len(known):
        return None
    return fitted_parameters(x[since:], period, level=float(known[-1] - season[-1]), season=season)


def _hindsight(seen: Smoothed, track: Track, rows: Rows, work: _Work) -> Hindsight:
    """Some rows of one period beside what came."""
    x = work.x[rows]
    came = x[:, -work.kept :]
    if came.shape[1] < work.kept:
        gap = np.full((len(rows), work.kept - came.shape[1]), np.nan, np.float32)
        came = np.concatenate([gap, came], axis=1)
    last = newest(work.panel.values[rows, -FRESH_COLUMNS:])
    return Hindsight(
        track=track.for_rows(rows),
        x=came,
        last=last,
        top=highest_possible(x, last),
        flat=is_flat(x[:, -work.day :]),
        phi=_in_force(seen)[rows, PHI],
        period=int(seen.period[rows[0]]),
    )


def _forecast_block(past: Hindsight, rows: Rows, work: _Work, out: Forecast) -> None:
    """Fill some rows of `out`, as steps."""
    # 1 the curve
    judged = {ahead: past.errors(ahead) for ahead in {1, *work.ask.steps}}
    for i, step in enumerate(work.ask.steps):
        errors, out.skill[rows, i] = judged[step]
        out.curve[rows, i] = past.band(step, errors)
    # 2 the maximum over each lead time, a target of its own
    leads = work.ask.lead[rows]
    for lead in np.unique(leads):
        some = np.flatnonzero(leads == lead)
        part = past.for_rows(some)
        skill = judged[lead][1][some] if lead in judged else part.errors(int(lead))[1]
        out.maximum[rows[some]], out.lead_skill[rows[some]] = part.peak(int(lead)), skill
    for i, lead in enumerate(work.ask.peaks):
        out.peaks[rows, i] = past.peak(lead)
    # 3 the surprise of the newest value
    out.residual[rows] = work.panel.values[rows, -1] - past.before()
    out.sigma[rows] = normal_scale(judged[1][0][:, :-1], fewest=FEWEST_ERRORS)

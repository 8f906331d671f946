"""What announced events did to demand, against the same time on ordinary days.

An event that has ended is measured once and leaves a `Lesson`, which teaches the lift of the next of its kind
(`scoring.calendars.taught_lift`). One that was already on when Helios came is told from its ordinary days, so that its
lift does not count twice. Same times are whole days apart: in the week after a clock change they are an hour off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scoring.calendars import PAST_DAYS, Event, Lesson
from scoring.panels import Bools, Floats, Panel
from scoring.policies import Fleet, Policies, Target

FEWEST_COLUMNS = 6
"""Below so many columns that can be compared an event says nothing."""
MOST_KEPT = 8
"""Lessons kept of one kind of event."""
RETRIED_COLUMNS = 12
"""An event that could not be measured when it ended, as history was lacking, is tried again every so many columns."""
BEGUN_COLUMNS = 2
"""An event that began within so many columns may not have lifted demand yet."""
_HIGHEST = 1000.0


def learned(
    fleet: Fleet, panel: Panel, now: float, *, day: float, before: Sequence[Lesson] = ()
) -> tuple[Lesson, ...]:
    """The lessons so far: those of `before` whose targets are still there, and one of each event that has ended since.

    Only what lies within the panel can be measured. Cheap where no event has ended that was not measured yet.

    Args:
        fleet: the targets with their events.
        panel: rows as `fleet.series`.
        now: UNIX seconds.
        day: seconds of the daily season.
        before: what the last call returned.
    """
    kept = [lesson for lesson in before if (lesson.namespace, lesson.deployment) in fleet.index]
    known = {(lesson.namespace, lesson.deployment, lesson.start, lesson.end) for lesson in kept}
    for row, event in _events(fleet):
        if not panel.start < event.end <= now or (now - event.end) // panel.step % RETRIED_COLUMNS > 1:
            continue
        target = fleet.targets[row]
        if (target.namespace, target.deployment, event.start, event.end) in known:
            continue
        lift = measured(_rows_of(fleet, panel, row), event, _others(target, event), day=day)
        if lift is not None:
            name, announced = event.name, event.expected_lift
            lesson = Lesson(
                target.namespace, target.deployment, name, announced, event.start, event.end, lift
            )
            kept.append(lesson)
    return _newest(kept) if len(kept) > len(before) else tuple(kept)


def measured(panel: Panel, event: Event, others: Sequence[Event] = (), *, day: float) -> float | None:
    """How many times its ordinary demand there was in an event: the median over its columns, the highest of the rows.

    Ordinary is the median of the same time on up to seven days before and after, without what is censored, masked, or
    within any event. Where most of the event is censored, demand was at least what is seen, and the lift at least what was
    announced.

    Args:
        panel: the rows of one target that replicas are decided on.
        event: has ended.
        others: the target's other events; columns in which one was on as well do not count.
        day: seconds of the daily season.

    Returns:
        None if fewer than six columns, or less than half of the event's in the panel, can be compared.
    """
    busy = _within(panel, others)
    columns = np.flatnonzero(_within(panel, [event]) & ~busy)
    if len(columns) < FEWEST_COLUMNS:
        return None
    usual = ordinary(panel, columns, [event, *others], day=day)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(usual > 0, panel.values[:, columns] / usual, np.float32(np.nan))
    lifts = []
    for ratio, censored in zip(ratios, panel.censored[:, columns], strict=True):
        comparable = ~np.isnan(ratio)
        if comparable.sum() >= max(FEWEST_COLUMNS, len(columns) / 2):
            lift = float(np.median(ratio[comparable]))
            least = event.expected_lift if censored[comparable].mean() > 0.5 else 0.0
            lifts.append(min(max(lift, least), _HIGHEST))
    return max(lifts, default=None)


def ordinary(panel: Panel, columns: NDArray[np.intp], events: Sequence[Event], *, day: float) -> Floats:
    """The median of the same time on up to seven days before and after, outside of events: `[rows, columns]`.

    Columns may lie behind the panel's last. NaN where nothing ordinary was observed.
    """
    width = panel.values.shape[1]
    learnable = np.where(_within(panel, events), np.float32(np.nan), panel.training)
    days = np.concatenate([np.arange(-PAST_DAYS, 0), np.arange(1, PAST_DAYS + 1)])
    places = columns[None, :] + days[:, None] * round(day / panel.step)
    inside = (places >= 0) & (places < width)
    same = np.where(inside, learnable[:, np.clip(places, 0, width - 1)], np.float32(np.nan))
    return _median(same)


def resumed(
    fleet: Fleet, policies: Policies, usual: Floats, panel: Panel, now: float, lead: Floats, *, day: float
) -> tuple[Policies, Floats]:
    """Wishes and usual demand for a cycle in which an event may already be on that nobody saw begin.

    Demand is then already lifted: the lift belongs on the ordinary demand of this time, the highest over the lead time.
    Where that is not known either (history is still being fetched), it is not lifted again.

    Args:
        fleet: the targets.
        policies: of this cycle.
        usual: demand before its lift as the recommender remembers it, `[series]`; NaN where it remembers none.
        panel: rows as `fleet.series`.
        now: UNIX seconds.
        lead: the lead time, seconds, `[targets]`.
        day: seconds of the daily season.

    Returns:
        Both as they are to be decided on; the very arguments where no event is on unseen.
    """
    lift, filled = policies.lift, usual
    for row in _begun(fleet, now - BEGUN_COLUMNS * panel.step, now):
        rows = slice(int(fleet.first_row[row]), int(fleet.first_row[row + 1]))
        if not np.isnan(usual[rows]).all():
            continue
        ahead = np.arange(0, max(1, round(float(lead[row]) / panel.step)) + 1)
        columns = panel.values.shape[1] - 1 + ahead
        known = ordinary(panel.for_rows(rows), columns, fleet.targets[row].events, day=day)
        highest = np.fmax.reduce(known, axis=1)
        if np.isnan(highest[fleet.drives[rows]]).all():
            lift = lift.copy() if lift is policies.lift else lift
            lift[row] = 1
        else:
            filled = filled.copy() if filled is usual else filled
            filled[rows] = np.nan_to_num(highest)  # a row without a past is not lifted
    return (policies if lift is policies.lift else replace(policies, lift=lift)), filled


def _events(fleet: Fleet) -> Iterator[tuple[int, Event]]:
    return ((row, event) for row in fleet.eventful for event in fleet.targets[row].events)


def _begun(fleet: Fleet, before: float, now: float) -> list[int]:
    """The targets of which an event is on that began before a moment."""
    return sorted({row for row, event in _events(fleet) if event.is_active(now) and event.start < before})


def _others(target: Target, event: Event) -> tuple[Event, ...]:
    return tuple(other for other in target.events if other is not event)


def _rows_of(fleet: Fleet, panel: Panel, row: int) -> Panel:
    """The rows of a target that replicas are decided on, without memory: it is no demand."""
    rows = np.arange(fleet.first_row[row], fleet.first_row[row + 1])
    return panel.for_rows(rows[fleet.drives[rows] & ~fleet.is_memory[rows]])


def _within(panel: Panel, events: Sequence[Event]) -> Bools:
    """Which columns lie in some event, `[time]`."""
    times = panel.times
    inside = np.zeros(len(times), np.bool_)
    for event in events:
        inside |= (times >= event.start) & (times < event.end)
    return inside


def _median(values: Floats) -> Floats:
    """The median over axis 1 of what is observed, NaN where nothing is: `[rows, days, columns]` -> `[rows, columns]`."""
    ordered = np.sort(values, axis=1)  # NaN goes last
    count = np.count_nonzero(~np.isnan(ordered), axis=1)[:, None]
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=1)
    high = np.take_along_axis(ordered, count // 2, axis=1)
    median: Floats = np.where(count > 0, (low + high) / 2, np.float32(np.nan))[:, 0].astype(np.float32)
    return median


def _newest(lessons: Sequence[Lesson]) -> tuple[Lesson, ...]:
    """No more than so many of each kind, the oldest go first."""
    count: dict[tuple[str, str, str | None, float], int] = {}
    kept = []
    for lesson in sorted(lessons, key=lambda lesson: lesson.start, reverse=True):
        kind = (lesson.namespace, lesson.deployment, lesson.name, 0.0 if lesson.name else lesson.announced)
        count[kind] = count.get(kind, 0) + 1
        if count[kind] <= MOST_KEPT:
            kept.append(lesson)
    return tuple(reversed(kept))

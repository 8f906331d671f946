"""An anomaly in words: what was expected, what came, since when, and what Helios does about it.

Made for one target when somebody asks, never for the fleet. It says only what the cycle decided: which effects are in force is told to it,
and nothing is judged or decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from scoring.anomalies.sigmas import alarms_per_week
from scoring.recommending.reasons import amount

DAYS = 86_400.0
DIGITS = (3, 4, 5)
WEEKS_A_YEAR = 365.25 / 7
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_CAME = {"shift": "moved to", "drift": "drifted to"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one cycle knows of the anomaly of one target; None where unknown, times in UNIX seconds.

    Attributes:
        now: when it was scored.
        kind: `spike`, `drop`, `shift`, `drift`, or `none` where it cannot be named.
        score, peak: in sigmas, now and at its worst.
        metric, unit, expected, came: of the metric that says most about it, at its worst.
        threshold: sigmas from which an alarm is raised.
        points, needed: what the score's calibration rests on, and how much of it there must be before any alarm.
    """

    now: float | None
    detected: bool
    severity: str
    kind: str
    since: float | None
    score: float | None
    peak: float | None
    metric: str | None
    unit: str
    expected: float | None
    came: float | None
    threshold: float
    points: int
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What is done about an anomaly in this cycle, and what is not.

    Attributes:
        frozen_until: until when, at the latest, no replica is taken away; None: nothing is frozen.
        reactive: the demand of this moment decides and not the forecast.
        set_aside: the newest sample is not learned from.
        muted_until: until when a user wants no alarm; None: not muted so.
        announced: an announced event is on, so no alarm is raised.
        acknowledged: somebody has seen this anomaly.
    """

    frozen_until: float | None = None
    reactive: bool = False
    set_aside: bool = False
    muted_until: float | None = None
    announced: bool = False
    acknowledged: bool = False


NOTHING = Measures()


def explain(found: Finding, done: Measures = NOTHING) -> str:
    """What is to be said of a target's anomaly: a sentence or two, and one for each effect."""
    quiet = _quiet(found, done)
    if not found.detected:
        return " ".join([_ordinary(found), *(_sentence(one) for one in quiet)])
    return " ".join([_found(found), *(_sentence(one) for one in (*effects(found, done), *quiet))])


def past(found: Finding, until: float) -> str:
    """What is to be said of an anomaly that was seen to be over at `until` (UNIX seconds)."""
    since = f" from {moment(found.since, found.now)}" if found.since is not None else ""
    return f"{_name(found)}{since} to {moment(until, found.now)}: {_deviation(found)} ({_score(found)}{found.severity})."


def effects(found: Finding, done: Measures) -> tuple[str, ...]:
    """What Helios does about it, each in a few words; nothing where it does nothing."""
    said = []
    if done.frozen_until is not None:
        said.append(f"scale-in is frozen until {moment(done.frozen_until, found.now)} at the latest")
    if done.reactive:
        said.append("the load of this moment decides, not the forecast")
    if done.set_aside:
        said.append("the sample is left out of training")
    return tuple(said)


def meaning(threshold: float) -> str:
    """What a threshold in sigmas means: `about one alarm a week`."""
    rate = alarms_per_week(threshold)
    if rate >= 0.75:
        count = round(rate)
        return f"about {_count(count)} alarm{'' if count == 1 else 's'} a week"
    if rate * WEEKS_A_YEAR < 0.01:
        return "hardly ever an alarm"
    weeks = 1 / rate
    if weeks < 20:
        return f"about one alarm in {_count(round(weeks))} weeks"
    years = weeks / WEEKS_A_YEAR
    if years < 0.75:
        return "about one alarm in half a year"
    return "about one alarm a year" if years < 1.5 else f"about one alarm in {_count(round(years))} years"


def moment(at: float, now: float | None) -> str:
    """A time as people write it: `12:05 UTC`, and with its day where that is not the day of `now`."""
    when = datetime.fromtimestamp(at, UTC)
    same = now is not None and at // DAYS == now // DAYS
    return f"{when:%H:%M} UTC" if same else f"{when.day} {when:%b %H:%M} UTC"


def _ordinary(found: Finding) -> str:
    if found.points < found.needed:
        return f"Calibrating: {found.points:,} of {found.needed:,} points; no alarm before that."
    if found.score is None:
        return "No score: nothing new could be judged in the last cycle."
    alarm = f"an alarm is raised from {found.threshold:.3g}, {meaning(found.threshold)}"
    if found.score >= found.threshold:
        return f"No new alarm: score {found.score:.1f}; {alarm}."
    return f"Nothing unusual: score {found.score:.1f}; {alarm}."


def _found(found: Finding) -> str:
    since = "" if found.since is None else f" since {moment(found.since, found.now)}"
    return f"{_name(found)}{since}: {_deviation(found)} ({_score(found)}{found.severity})."


def _name(found: Finding) -> str:
    return "Anomaly" if found.kind == "none" else found.kind.capitalize()


def _deviation(found: Finding) -> str:
    if found.metric is None:
        return "the metrics together are unusual"
    if found.came is None:
        return f"{found.metric} is unusual"
    if found.expected is None:
        return f"{found.metric} at {_amount(found.came, found.unit)} is unusual"
    for digits in DIGITS:  # as few as tell the two apart
        came, expected = (_amount(v, found.unit, digits) for v in (found.came, found.expected))
        if came != expected:
            break
    else:
        return f"{found.metric} is near the {expected} that was expected, and moves in an unusual way"
    (number, _, unit), (_, _, other) = expected.partition(" "), came.partition(" ")
    if unit.removesuffix("s") == other.removesuffix("s"):
        expected = number
    return (
        f"{found.metric} {_CAME.get(found.kind, 'came at')} {came} where {expected} {_was(number)} expected"
    )


def _was(number: str) -> str:
    return "was" if number == "1" else "were"


def _score(found: Finding) -> str:
    score, peak = (None if v is None else f"{v:.1f}" for v in (found.score, found.peak))
    if peak is None or peak == score or (found.score or 0) > (found.peak or 0):
        return "" if score is None else f"score {score}, "
    return f"score {peak} at its worst, " if score is None else f"score {peak} at its worst and {score} now, "


def _quiet(found: Finding, done: Measures) -> list[str]:
    """Why no alarm is raised, though one might be; said of the present anomaly, or of any to come."""
    said = []
    if done.muted_until is not None:
        said.append(f"muted until {moment(done.muted_until, found.now)}: no alarm is raised")
    if done.announced:
        said.append("an announced event is on: no alarm is raised")
    if done.acknowledged and found.detected:
        said.append("acknowledged: it raises no alarm")
    return said


def _amount(value: float, unit: str, digits: int = 3) -> str:
    """An amount that may be below zero, as a metric of one's own may."""
    return f"-{amount(-value, unit, digits)}" if value < 0 else amount(value, unit, digits)


def _count(number: int) -> str:
    return _WORDS[number] if number < len(_WORDS) else f"{number:,}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."

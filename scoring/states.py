"""All that a scorer remembers, as named arrays: to be stored by whoever can write, and taken back.

Two parts. `decided` is small and is enough to publish and to go on deciding; `history` is large and can be older, for what
it lacks is fetched again. What the forecaster has learned goes with the history: a few percent of it, and an hour of its
learning is little. Rows are stored with the identities of their targets and series, so that a state fits a
fleet that has changed meanwhile. Nothing here touches a disk.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies.anomalies import Anomalies
from scoring.anomalies.episodes import Onsets
from scoring.anomalies.memories import Memory as Detected
from scoring.anomalies.refractories import Refractory
from scoring.breakers import FIGURES, Breaker
from scoring.calendars import Lesson
from scoring.errors import InvalidState
from scoring.forecasting.experiences import Experience
from scoring.ledgers import COLUMNS, PATHS, SECONDS, Ledger
from scoring.panels import Bools, Panel, Series, at_rows
from scoring.publisher import ARRAYS, NOTHING, PER_SERIES, Scores
from scoring.recommending.decisions import Memory
from scoring.rollouts import COLUMNS as ROLLED
from scoring.rollouts import Rollouts
from scoring.scorer import Scorer
from scoring.trails import Trail

FORMAT = 6
READABLE = (2, 3, 4, 5, 6)
"""2 knew one forecaster, which learned nothing and did not choose; up to 3 the detector remembered its states alone; up to 4 the
ledger had no reactive path, and there was no breaker; up to 5 nothing was rolled out."""
PATHS_SINCE = 5
"""The format from which the ledger knows every path, and there is a breaker."""
State = Mapping[str, NDArray[Any]]
_LEARNED = "learned."
_DETECTOR = "detector"
_ACCOUNT = ("about", "first", "judged")
"""Of the trail's arrays those that say how past forecasts fared; the others are rings of columns."""


def decided(scorer: Scorer) -> State:
    """What was decided, and what the next decision goes on from: some 6 KiB for each target."""
    latest, trail = scorer.board.latest(), scorer.trail.arrays()
    ledger = [scorer.ledger.day, scorer.ledger.at]
    breaker = [scorer.breaker.place, scorer.breaker.at, scorer.breaker.window]
    experts = () if latest is None else latest[1].experts
    arrays: dict[str, NDArray[Any]] = {
        "about": _about(
            scorer,
            horizons=scorer.fleet.horizons,
            ledger=ledger,
            breaker=breaker,
            experts=experts,
            lessons=[asdict(lesson) for lesson in scorer.lessons],
            block=scorer.detection.lately.block,
        ),
        **_named("onsets", scorer.detection.onsets),
        **_named("lately", scorer.detection.lately),
        **_named("memory", scorer.memory),
        **_named("ledger", scorer.ledger),
        **_named("breaker", scorer.breaker),
        **_named("rollouts", scorer.rollouts),
        **{f"trail.{name}": trail[name] for name in _ACCOUNT},
    }
    return arrays if latest is None else {**arrays, **_named("scores", latest[1])}


def history(scorer: Scorer) -> State:
    """What was observed, said, done and learned: some 100 KiB for each target; valid until the next cycle."""
    panel, learned = scorer.stream.panel(), scorer.experience
    return {
        "about": _about(scorer, learned=learned.end if learned.fitted is not None else None),
        "panel.values": panel.values,
        "panel.censored": panel.censored,
        "panel.masked": np.packbits(panel.masked, axis=1),
        **(
            {}
            if learned.fitted is None
            else {f"{_LEARNED}{k}": v for k, v in learned.fitted.arrays().items()}
        ),
        **{f"trail.{name}": array for name, array in scorer.trail.arrays().items()},
        **_named(_DETECTOR, scorer.detection.memory),
    }


def restore_history(scorer: Scorer, state: State, now: float) -> None:
    """Give `scorer` the `history` of those of its targets that were stored; what it lacks is planned as back-fill.

    A forecaster that cannot take what was learned, or is another one, learns anew; the rest is not lost for that.

    Raises:
        InvalidState: the state is damaged, or of another format or grid step; the scorer is as it was.
    """
    with _damage_said():
        about, targets, series = _rows(scorer, state, now)
        values, step = state["panel.values"], about["step"]
        start = about["end"] - (values.shape[1] - 1) * step
        stored = tuple(Series(*row) for row in about["series"])
        masked = _masked(state, values.shape)
        panel = Panel(stored, start, step, values, state["panel.censored"], masked)
        _refuse_panel(panel)
        trail = Trail.of({k.removeprefix("trail."): v for k, v in state.items() if k.startswith("trail.")})
        trail = trail.for_rows(targets, series, scorer.trail.columns)
    scorer.stream.restore(panel)
    scorer.experience = _experience(scorer, state, about, series)
    scorer.detection = replace(scorer.detection, memory=_detector_memory(scorer, state, series))
    same_shapes = [a.shape for a in trail.arrays().values()] == [
        a.shape for a in scorer.trail.arrays().values()
    ]
    if same_shapes and trail.ahead == scorer.trail.ahead:
        scorer.trail = trail


def restore_decided(scorer: Scorer, state: State, now: float) -> None:
    """Give `scorer` what was `decided` for those of its targets that were stored; after its history, if there is any.

    Raises:
        InvalidState: the state is damaged, or of another format or grid step; the scorer is as it was.
    """
    with _damage_said():
        about, t, s = _rows(scorer, state, now)
        rows = len(about["targets"])
        anomalies = _built(
            Anomalies, "onsets.state", _filled("onsets.state", Anomalies.none(rows, 0), state, about)
        )
        onsets = Onsets(anomalies, state["onsets.expected"], state["onsets.scale"]).for_rows(t, s)
        highest = state.get("lately.highest", Refractory.none(rows).highest)
        lately = Refractory(highest, int(about.get("block", 0))).for_rows(t)
        memory = _built(Memory, "memory", _filled("memory", Memory.none(rows, 0), state, about)).for_rows(
            t, s
        )
        day, at = about["ledger"]
        booked = state if about["format"] >= PATHS_SINCE else {**state, **_one_path(state)}
        ledger = _built(Ledger, "ledger", booked, day=int(day), at=float(at)).for_rows(t)
        breaker = _breaker(state, about, rows).for_rows(t)
        rollouts = _built(
            Rollouts, "rollouts", _filled("rollouts", Rollouts.none(rows), state, about)
        ).for_rows(t)
        trail = _with_account(scorer.trail, {name: state[f"trail.{name}"] for name in _ACCOUNT}, s)
        lessons = tuple(Lesson(**lesson) for lesson in about.get("lessons", ()))
        then = {seconds: i for i, seconds in enumerate(about["horizons"])}
        places = np.array([then.get(seconds, -1) for seconds in scorer.fleet.horizons], np.intp)
        scores = None
        if "scores.scored_at" in state:
            whole = state
            if about["format"] != FORMAT:
                whole = {**_unchosen(state), **state}
                whole |= {} if about["format"] >= PATHS_SINCE else _one_score(state)
                whole = {**_unexplained(whole, rows, len(about["series"])), **whole}
            scores = _built(Scores, "scores", whole, experts=tuple(about.get("experts", ()))).for_rows(
                t, s, places
            )
        _refuse_misfit(onsets, scorer.detection.onsets)
        _refuse_misfit(lately, scorer.detection.lately)
        _refuse_misfit(memory, scorer.memory)
        _refuse_misfit(ledger, scorer.ledger)
        _refuse_misfit(breaker, scorer.breaker)
        _refuse_misfit(rollouts, scorer.rollouts)
        if scores is not None:
            scorer.board.restore(scores)
    scorer.detection = replace(scorer.detection, onsets=onsets, lately=lately)
    scorer.memory, scorer.ledger, scorer.breaker, scorer.trail = memory, ledger, breaker, trail
    scorer.rollouts, scorer.lessons = rollouts, lessons


def _about(scorer: Scorer, **more: Any) -> NDArray[np.uint8]:
    """The table of contents: whose rows these are, and of when; JSON."""
    panel, fleet = scorer.stream.panel(), scorer.fleet
    about = {
        "format": FORMAT,
        "step": panel.step,
        "end": panel.end,
        "targets": [list(t.identity) for t in fleet.targets],
        "series": [[s.namespace, s.deployment, s.metric, s.kind, s.query] for s in fleet.series],
        **more,
    }
    return np.frombuffer(json.dumps(about).encode(), np.uint8)


def _rows(
    scorer: Scorer, state: State, now: float
) -> tuple[Mapping[str, Any], NDArray[np.intp], NDArray[np.intp]]:
    """The table of contents, and for each target and series of the fleet its row in the state, or -1."""
    about = json.loads(state["about"].tobytes())
    _refuse_other(about, scorer.pace.step, now)
    targets = {tuple(row): i for i, row in enumerate(about["targets"])}
    series = {Series(*row): i for i, row in enumerate(about["series"])}
    return (
        about,
        np.array([targets.get(x.identity, -1) for x in scorer.fleet.targets], np.intp),
        np.array([series.get(x, -1) for x in scorer.fleet.series], np.intp),
    )


def _masked(state: State, shape: tuple[int, ...]) -> Bools:
    """Which cells are no ordinary time; it is packed into bits, and format 2 did not know it."""
    packed = state.get("panel.masked")
    if packed is None:
        return np.zeros(shape, np.bool_)
    return np.unpackbits(packed, axis=1, count=shape[1]).astype(np.bool_)


def _experience(scorer: Scorer, state: State, about: Mapping[str, Any], rows: NDArray[np.intp]) -> Experience:
    """What was learned, for the scorer's series; none where its forecaster cannot take it."""
    own = {k.removeprefix(_LEARNED): v for k, v in state.items() if k.startswith(_LEARNED)}
    end = about.get("learned")
    if end is None or not own:
        return Experience()
    try:
        fitted = scorer.forecaster.restored(own, len(about["series"]))
    except Exception:  # noqa: BLE001 - whatever a forecaster makes of it, the rest of the history is good
        return Experience()
    stored = Experience((), fitted, float(end))
    return Experience() if fitted is None else stored.for_series(scorer.fleet.series, rows)


def _detector_memory(scorer: Scorer, state: State, rows: NDArray[np.intp]) -> Detected:
    """What the detector remembers of the scorer's series; nothing where it is not whole: it walks through the panel again."""
    blank = scorer.detection.memory
    try:
        stored: Detected = _rebuilt(Detected.none(0), _DETECTOR, state).for_rows(rows)
        _refuse_misfit(stored, blank)
        _refuse_nonsense(stored, blank)
    except (InvalidState, KeyError, ValueError, TypeError, IndexError):
        return blank
    return stored


def _unexplained(state: State, targets: int, series: int) -> State:
    """What scores of an older format lack, as it is where nothing is known."""
    lacking = [name for name in ARRAYS if f"scores.{name}" not in state]
    wide = {"turned_by": (targets, FIGURES), "versus": (targets, FIGURES), "rollout_stage": (targets, ROLLED)}
    rows = {name: wide.get(name, (series if name in PER_SERIES else targets,)) for name in lacking}
    return {f"scores.{name}": np.full(rows[name], NOTHING.get(name, np.nan)) for name in lacking}


def _one_path(state: State) -> State:
    """A ledger that knew what was recommended and no other path: of the days that it saw nothing can be said of the others."""
    buckets, asked = state["ledger.buckets"], state["ledger.asked"]
    own = buckets.shape[2]
    unknown = np.where(buckets[:, :, [SECONDS]] > 0, np.nan, 0.0)
    paths = np.stack([asked, np.full_like(asked, np.nan), asked], axis=2)
    return {
        "ledger.buckets": np.concatenate([buckets, np.repeat(unknown, COLUMNS - own, axis=2)], axis=2),
        "ledger.asked": paths[:, :, :PATHS],
        "ledger.newest": np.zeros((len(buckets), COLUMNS)),
    }


def _one_score(state: State) -> State:
    """The sums of such a ledger, without those of the reactive path."""
    sums = {name: state[name] for name in ("scores.hours", "scores.short")}
    return {name: np.concatenate([s, np.full((len(s), 1), np.nan)], axis=1) for name, s in sums.items()}


def _breaker(state: State, about: Mapping[str, Any], rows: int) -> Breaker:
    """Who is open stays open; an older format knew of none."""
    if about["format"] < PATHS_SINCE:
        return Breaker.none(rows)
    place, at, window = about["breaker"]
    stored: Breaker = _built(Breaker, "breaker", state, place=int(place), at=float(at), window=float(window))
    return stored


def _filled(prefix: str, blank: Any, state: State, about: Mapping[str, Any]) -> State:
    """`state`, and what an older format lacks of a dataclass as it is where nothing is known."""
    return state if about["format"] == FORMAT else {**_named(prefix, blank), **state}


def _unchosen(state: State) -> State:
    """What scores of format 2 lack: who was chosen, and how good it is at each horizon."""
    shape = state["scores.ratio"].shape
    return {
        "scores.skill": np.full(shape, np.nan, np.float32),
        "scores.chosen": np.full(shape, -1, np.int8),
        "scores.needed": np.zeros(shape[0], np.int32),
    }


def _with_account(trail: Trail, account: State, series: NDArray[np.intp]) -> Trail:
    """`trail` with a later account of how forecasts fared; what was said and done between the two is not known."""
    own = trail.arrays()
    _, ahead, slot = (int(v) for v in account["about"])
    first, judged = at_rows(account["first"], series, np.nan), at_rows(account["judged"], series, 0)
    if (first.shape, judged.shape) != (own["first"].shape, own["judged"].shape):
        raise InvalidState(
            f"the stored state is damaged (an account of {first.shape} and {judged.shape}): starting cold"
        )
    _, own_ahead, own_slot = own["about"]
    if ahead != own_ahead or slot < own_slot:
        return trail
    later = Trail.of({**own, "done": own["done"].copy(), "said": own["said"].copy(), "judged": judged})
    if slot > own_slot:
        unknown = np.full(len(judged), np.nan, np.float32)
        done = np.full(own["done"][:, 0].shape, np.nan, np.float32)
        later.add(slot, came=unknown, first=first, later=np.full_like(first, np.nan), done=done)
    return later


@contextlib.contextmanager
def _damage_said() -> Iterator[None]:
    """Whatever a damaged state does to those who build from it is told in words."""
    try:
        yield
    except InvalidState:
        raise
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise InvalidState(
            f"the stored state is damaged ({type(error).__name__}: {error}): starting cold"
        ) from error


def _refuse_other(about: Mapping[str, Any], step: float, now: float) -> None:
    if about["format"] not in READABLE or about["step"] != step:
        raise InvalidState(
            f"stored with format {about['format']} and a step of {about['step']:g} s; "
            f"this is format {FORMAT} and {step:g} s: starting cold"
        )
    ahead = about["end"] - now
    if ahead > step:
        raise InvalidState(
            f"stored {ahead:.0f} s ahead of the present: a clock was set back, or a replay began anew: starting cold"
        )


def _refuse_misfit(given: Any, own: Any) -> None:
    """What was stored must have the shapes of what it replaces, or every later cycle would fail on it."""
    stored, wanted = _named("", given), _named("", own)
    for name, array in wanted.items():
        if stored[name].shape != array.shape:
            raise InvalidState(
                f"the stored state is damaged ({type(own).__name__}{name} has shape {stored[name].shape} instead of "
                f"{array.shape}): starting cold"
            )


def _refuse_nonsense(stored: Detected, blank: Detected) -> None:
    """What the detector reckons with must be numbers, of the kinds that it reckons with."""
    own, given = _named("", blank), _named("", stored)
    kinds = [name for name, array in own.items() if given[name].dtype != array.dtype]
    wild = [
        name
        for name, array in given.items()
        if name.startswith((".levels", ".tails")) and not np.isfinite(array).all()
    ]
    if kinds or wild:
        raise InvalidState(f"the stored state of the detector is damaged ({', '.join(kinds + wild)})")


def _refuse_panel(panel: Panel) -> None:
    if (
        panel.values.ndim != 2
        or not panel.values.shape == panel.censored.shape == panel.masked.shape
        or len(panel.values) != len(panel.series)
    ):
        raise InvalidState(
            f"the stored state is damaged (a panel of {panel.values.shape} for {len(panel.series)} series): starting cold"
        )


def _named(prefix: str, value: Any) -> dict[str, NDArray[Any]]:
    """The arrays of a dataclass, by path."""
    out: dict[str, NDArray[Any]] = {}
    for f in fields(value):
        inner = getattr(value, f.name)
        if isinstance(inner, np.ndarray):
            out[f"{prefix}.{f.name}"] = inner
        elif is_dataclass(inner):
            out |= _named(f"{prefix}.{f.name}", inner)
    return out


def _rebuilt(like: Any, prefix: str, state: State) -> Any:
    """A dataclass of arrays and of such dataclasses, from its arrays by path."""
    values = {}
    for f in fields(like):
        inner, path = getattr(like, f.name), f"{prefix}.{f.name}"
        values[f.name] = _rebuilt(inner, path, state) if is_dataclass(inner) else state[path]
    return type(like)(**values)


def _built(kind: Any, prefix: str, state: State, **plain: Any) -> Any:
    """A dataclass from its arrays by path and its plain values."""
    names = [f.name for f in fields(kind) if f.name not in plain]
    return kind(**plain, **{name: state[f"{prefix}.{name}"] for name in names})

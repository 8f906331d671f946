"""All that a scorer remembers, as named arrays: to be stored by whoever can write, and taken back.

Rows are stored with the identities of their targets and series, so that a state fits a fleet that has changed
meanwhile. Nothing here touches a disk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.anomalies.residuals import Anomalies, Onsets
from scoring.errors import InvalidState
from scoring.ledgers import Ledger
from scoring.panels import Panel, Series
from scoring.publisher import Scores
from scoring.recommending.decisions import Memory
from scoring.scorer import Scorer
from scoring.trails import Trail

FORMAT = 1
State = Mapping[str, NDArray[Any]]


def stored(scorer: Scorer) -> State:
    """Everything `scorer` remembers."""
    panel, latest = scorer.stream.state(), scorer.board.latest()
    about: dict[str, Any] = {
        "format": FORMAT,
        "targets": [[t.namespace, t.deployment] for t in scorer.fleet.targets],
        "series": [[s.namespace, s.deployment, s.metric, s.kind, s.query] for s in scorer.fleet.series],
        "start": panel.start,
        "columns": panel.values.shape[1],
        "step": panel.step,
        "horizons": scorer.fleet.horizons,
        "ledger": [scorer.ledger.day, scorer.ledger.at],
    }
    arrays: dict[str, NDArray[Any]] = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "panel.values": panel.values,
        "panel.censored": panel.censored,
        **_named("onsets", scorer.onsets),
        **_named("memory", scorer.memory),
        **_named("ledger", scorer.ledger),
        **{f"trail.{name}": array for name, array in scorer.trail.arrays().items()},
    }
    return arrays if latest is None else {**arrays, **_named("scores", latest[1])}


def restore(scorer: Scorer, state: State, now: float) -> None:
    """Give `scorer` the memory of those of its targets that were stored.

    Raises:
        InvalidState: the state is damaged, or of another format or grid step; the scorer is as it was.
    """
    try:
        about = json.loads(state["about"].tobytes())
        _refuse_other(about, scorer.pace.step, now)
        old_series = [Series(*row) for row in about["series"]]
        old_targets = {tuple(row): i for i, row in enumerate(about["targets"])}
        place = {s: i for i, s in enumerate(old_series)}
        t = np.array(
            [old_targets.get((x.namespace, x.deployment), -1) for x in scorer.fleet.targets], np.intp
        )
        s = np.array([place.get(x, -1) for x in scorer.fleet.series], np.intp)
        panel = Panel(
            tuple(old_series), about["start"], about["step"], state["panel.values"], state["panel.censored"]
        )
        anomalies = _built(Anomalies, "onsets.state", state)
        onsets = Onsets(anomalies, state["onsets.expected"], state["onsets.scale"]).for_rows(t, s)
        memory = _built(Memory, "memory", state).for_rows(t, s)
        day, at = about["ledger"]
        ledger = _built(Ledger, "ledger", state, day=int(day), at=float(at)).for_rows(t)
        trail = Trail.of({k.removeprefix("trail."): v for k, v in state.items() if k.startswith("trail.")})
        trail = trail.for_rows(t, s)
        same = about["horizons"] == list(scorer.fleet.horizons) and "scores.scored_at" in state
        scores = _built(Scores, "scores", state).for_rows(t, s) if same else None
        _refuse_misfit(onsets, scorer.onsets)
        _refuse_misfit(memory, scorer.memory)
        _refuse_misfit(ledger, scorer.ledger)
        _refuse_panel(panel)
        if scores is not None:
            scorer.board.restore(scores)
    except InvalidState:
        raise
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise InvalidState(
            f"the stored state is damaged ({type(error).__name__}: {error}): starting cold"
        ) from error
    scorer.stream.restore(panel)
    scorer.onsets, scorer.memory, scorer.ledger = onsets, memory, ledger
    same_shapes = [a.shape for a in trail.arrays().values()] == [
        a.shape for a in scorer.trail.arrays().values()
    ]
    if same_shapes and trail.ahead == scorer.trail.ahead:
        scorer.trail = trail


def _refuse_other(about: Mapping[str, Any], step: float, now: float) -> None:
    if about["format"] != FORMAT or about["step"] != step:
        raise InvalidState(
            f"stored with format {about['format']} and a step of {about['step']:g} s; "
            f"this is format {FORMAT} and {step:g} s: starting cold"
        )
    ahead = about["start"] + (about["columns"] - 1) * step - now
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


def _refuse_panel(panel: Panel) -> None:
    if (
        panel.values.ndim != 2
        or panel.values.shape != panel.censored.shape
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


def _built(kind: Any, prefix: str, state: State, **plain: Any) -> Any:
    """A dataclass from its arrays by path and its plain values."""
    names = [f.name for f in fields(kind) if f.name not in plain]
    return kind(**plain, **{name: state[f"{prefix}.{name}"] for name in names})

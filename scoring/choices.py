"""Who forecasts, in words: `auto` never hides what it chose, nor that nothing beats the last value."""

from __future__ import annotations

from collections.abc import Sequence

from scoring.forecasting.selection import PERSISTENCE
from scoring.reports import HorizonForecast

_SPAN = " lately"


def why(horizons: Sequence[HorizonForecast]) -> str:
    """One sentence about forecasts, nearest first: `network at 5m: 12 % better than persistence lately`.

    Horizons of which the same is said stand together.
    """
    said: dict[tuple[str, str], list[str]] = {}
    for one in horizons:
        who = one.expert or "nobody"
        said.setdefault((who, _verdict(one)), []).append(one.horizon)
    parts = [f"{who} at {_joined(at)}: {verdict}" for (who, verdict), at in said.items()]
    first, *rest = "; ".join(parts).split(_SPAN)  # the span is said once
    return first + (_SPAN if rest else "") + "".join(rest)


def model_used(asked: str, expert: str | None) -> str:
    """Who answers: the forecaster that was asked for and, where it chose another, that one: `auto: network`."""
    return asked if expert in {None, asked} else f"{asked}: {expert}"


def _verdict(one: HorizonForecast) -> str:
    better = round(100 * one.skill) if one.skill is not None else 0
    if one.expert == PERSISTENCE:
        return f"counts most; all together are {better} % better" if better > 0 else "nothing beats it here"
    if one.skill is None:
        return "not compared with persistence yet"
    if one.skill > 0:
        return f"{better} % better than persistence{_SPAN}" if better else "as good as persistence"
    return "no better than persistence"


def _joined(labels: Sequence[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"

"""Forecasters by name, ours and those of plug-ins, from the entry points that packages register.

A plug-in is a package with an entry point in the group `helios.forecasters`: its name is what users write in
`forecast.model`, and it refers to a callable that takes the learned models and returns a
`scoring.forecasting.forecasts.Forecaster` of that name. Nothing is imported before it is asked for, and what cannot be
imported costs nobody else. What a name means for a forecast is not decided here.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, distributions
from importlib.util import find_spec

from helios.errors import HeliosError
from scoring.forecasting.forecasts import Forecaster
from scoring.forecasting.learned import Models

GROUP = "helios.forecasters"
EXTRAS = {"prophet": "prophet"}
"""Forecaster of ours -> the module that it needs and that only an extra of the same name brings."""

Build = Callable[[Models], Forecaster]


class ForecasterUnavailable(HeliosError):
    """A forecaster is not installed, or cannot be used; the message names it and the remedy."""


def names() -> tuple[str, ...]:
    """What may stand in `forecast.model` here, in order; without those whose extra is missing."""
    return _usable(tuple(sys.path))


def problem(name: str) -> str | None:
    """Why this name cannot stand in `forecast.model`, with the remedy; None if it can."""
    if name in names():
        return None
    if name in EXTRAS:
        return f"{name} needs its extra: pip install 'helios-autoscaler[{name}]'"
    return (
        f"no forecaster {name!r} is installed; installed are {', '.join(names())}. A package adds one by an entry "
        f"point in the group {GROUP}"
    )


def forecaster(name: str, models: Models) -> Forecaster:
    """The forecaster of that name.

    Args:
        name: as in `forecast.model`.
        models: what was learned from whole fleets, for those that use it.

    Raises:
        ForecasterUnavailable: it is not installed, cannot be imported or built, or is no forecaster.
    """
    wrong = problem(name)
    if wrong is not None:
        raise ForecasterUnavailable(wrong)
    entry = _entries(tuple(sys.path))[name]
    origin = f"forecaster {name} ({entry.value}{f' of {entry.dist.name}' if entry.dist else ''})"
    try:
        made = entry.load()(models)
    except Exception as error:
        raise ForecasterUnavailable(f"{origin} cannot be used: {type(error).__name__}: {error}") from error
    lacking = [part for part in ("name", "fit", "restored") if not hasattr(made, part)]
    if lacking:
        raise ForecasterUnavailable(
            f"{origin} gives a {type(made).__name__} without {', '.join(lacking)}: it must give a Forecaster"
        )
    if made.name != name:
        raise ForecasterUnavailable(f"{origin} calls itself {made.name!r}: give it the entry point's name")
    built: Forecaster = made
    return built


def forecasters(models: Models) -> Mapping[str, Forecaster]:
    """Every usable forecaster by name, each built when it is first looked up, by whichever thread.

    Looking up one that is not there, or cannot be built, raises `ForecasterUnavailable`, each time.
    """
    return _Shelf(models)


class _Shelf(Mapping[str, Forecaster]):
    def __init__(self, models: Models) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._made: dict[str, Forecaster | ForecasterUnavailable] = {}

    def __getitem__(self, name: str) -> Forecaster:
        with self._lock:
            if name not in self._made:
                try:
                    self._made[name] = forecaster(name, self._models)
                except ForecasterUnavailable as error:
                    self._made[name] = error
        found = self._made[name]
        if isinstance(found, ForecasterUnavailable):
            raise ForecasterUnavailable(str(found)) from found
        return found

    def __contains__(self, name: object) -> bool:
        return name in names()

    def __iter__(self) -> Iterator[str]:
        return iter(names())

    def __len__(self) -> int:
        return len(names())


@lru_cache(maxsize=4)
def _entries(path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    """The entry points that are found on `path`, which is `sys.path`. Of two of one name ours counts, then the first."""
    found: dict[str, EntryPoint] = {}
    every = [
        e for package in distributions(path=list(path)) for e in package.entry_points.select(group=GROUP)
    ]
    for entry in sorted(every, key=lambda e: not e.value.startswith(f"{__name__}:")):
        found.setdefault(entry.name, entry)
    return found


@lru_cache(maxsize=4)
def _usable(path: tuple[str, ...]) -> tuple[str, ...]:
    missing = {name for name, module in EXTRAS.items() if find_spec(module) is None}
    return tuple(sorted(_entries(path).keys() - missing))


def auto(models: Models) -> Forecaster:
    """The default, which chooses among what it knows."""
    from scoring.forecasting.auto import Auto  # noqa: PLC0415 - each is imported where it is asked for

    return Auto(models)


def baseline(_: Models) -> Forecaster:
    """What the series did lately and at the same time on past days."""
    from scoring.forecasting.baseline import Baseline  # noqa: PLC0415

    return Baseline()


def holt_winters(_: Models) -> Forecaster:
    """Exponential smoothing with a damped trend and a season."""
    from scoring.forecasting.holt_winters import HoltWinters  # noqa: PLC0415

    return HoltWinters()


def prophet(_: Models) -> Forecaster:
    """Prophet, of the extra of that name; what its libraries log of every fit is not passed on."""
    for library in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(library).disabled = True  # a level would be set anew when they are imported
    from scoring.forecasting.prophets import Prophet  # noqa: PLC0415

    return Prophet()


def xgboost(models: Models) -> Forecaster:
    """Boosted trees in the place of the network."""
    from scoring.forecasting.boosted import Boosted  # noqa: PLC0415

    return Boosted(models)

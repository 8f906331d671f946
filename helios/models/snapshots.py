"""The fourth kind of folder, `helios-snapshots/1`: what /detect expects of a snapshot's metrics.

One ensemble per metric, `<metric>.ubj`, and what was measured of them. The ensembles are not opened here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helios.models.expectations import build_spreads, picked, spread_arrays
from helios.models.forecasters import is_booster
from scoring.anomalies.snapshots import SITUATIONS, Snapshots

FORMAT = "helios-snapshots/1"
SNAPSHOTS = "xgboost"
"""The name under which /detect looks for it; the requirements call the anomaly model so."""


def build_snapshots(
    arrays: Mapping[str, NDArray[Any]], contents: Mapping[str, bytes], known: tuple[str, ...]
) -> Snapshots:
    """What was learned, if what is stored can be used.

    Args:
        arrays: as read.
        contents: the bytes of every file, verified.
        known: the metrics that it knows, as the folder says.

    Raises:
        ValueError: an ensemble or an array is missing or makes no sense.
    """
    if not known or len(set(known)) != len(known):
        raise ValueError(f"`known` is {list(known)}: it must name metrics, each once")
    ensembles = {}
    for name in known:
        file = file_of(name)
        if file not in contents:
            raise ValueError(f"`files` does not name {file}")
        if not is_booster(contents[file]):
            raise ValueError(f"{file} is no XGBoost model in UBJ")
        ensembles[name] = contents[file]
    count = len(known)
    centre, scale = picked(arrays, "centre", (count,)), picked(arrays, "scale", (count,))
    if not np.all(scale > 0):
        raise ValueError("scale is not above 0")
    residuals = {situation: build_spreads(arrays, situation, count) for situation in SITUATIONS}
    levels = build_spreads(arrays, "levels", count)
    joint = (build_spreads(arrays, "joint", count - 1), build_spreads(arrays, "joint_past", count - 1))
    return Snapshots(known, ensembles, centre, scale, residuals, levels, joint)


def arrays_of(learned: Snapshots) -> dict[str, NDArray[Any]]:
    """What `build_snapshots` reads, but for the ensembles."""
    arrays: dict[str, NDArray[Any]] = {"centre": learned.centre, "scale": learned.scale}
    for situation, spreads in learned.residuals.items():
        arrays |= spread_arrays(situation, spreads)
    alone, past = learned.joint
    return (
        arrays
        | spread_arrays("levels", learned.levels)
        | spread_arrays("joint", alone)
        | spread_arrays("joint_past", past)
    )


def file_of(metric: str) -> str:
    """The file that holds a metric's ensemble."""
    return f"{metric}.ubj"

"""The second kind of folder, `helios-forecaster/1`: what was learned from whole fleets, and what it was learned from.

The booster is not opened here: xgboost is loaded by whoever forecasts with it, and not by the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from scoring.forecasting.forecasts import LEVELS
from scoring.forecasting.learned import Models
from scoring.forecasting.networks import Network

FORMAT = "helios-forecaster/1"
FLEET = "fleet"
"""The name under which the forecasters look for their models."""

BOOSTER = "booster.ubj"
_HEAD = 64
"""UBJ begins with an object whose first key is `learner`."""


class Source(BaseModel):
    """One body of data that a model was trained on.

    Attributes:
        name: what it is known by.
        licence: under which its weights may be shared; `own` for a user's own data.
        sha256: of its files' bytes, one after the other.
        series: how many of its series were used.
        steps: how many grid steps each of them had, before anything was held out.
        kin: sources of one origin share it; empty: a source is its own.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    licence: str
    sha256: str
    series: int = Field(ge=1)
    steps: int = Field(ge=1)
    kin: str = ""


def build_models(
    stored: Mapping[str, NDArray[Any]], booster: bytes | None, levels: tuple[float, ...]
) -> Models:
    """The learned models, if what is stored can be used.

    Args:
        stored: the network's arrays by name, as read.
        booster: the bytes of the UBJ file; None where there is none.
        levels: the quantile levels that the folder says it was made for.

    Raises:
        ValueError: an array is no float32 or not finite, the network is another version's, the booster is something
            else, the levels are others, or there is neither a network nor a booster.
    """
    if levels != LEVELS:
        raise ValueError(
            f"its quantile levels are {list(levels)}, Helios forecasts {list(LEVELS)}: train it anew"
        )
    for name, array in stored.items():
        if array.dtype != np.float32:
            raise ValueError(f"{name} is {array.dtype} and not float32")
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name} holds values that are not finite")
    if booster is not None and not is_booster(booster):
        raise ValueError(f"{BOOSTER} is no XGBoost model in UBJ")
    if not stored and booster is None:
        raise ValueError("it holds neither a network nor a booster")
    if stored:
        try:
            Network.of(stored)
        except ValueError as error:
            raise ValueError(f"{error}: it is of another version of Helios: train it anew") from error
    return Models(dict(stored), booster)


def is_booster(content: bytes) -> bool:
    """Whether bytes begin as an XGBoost model in UBJ does; it is not opened."""
    return content.startswith(b"{") and b"learner" in content[:_HEAD]

"""How values are written: JSON bytes, times as `2026-01-02T10:05:00Z`, numbers without a tail of digits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from fastapi import Response
from numpy.typing import NDArray

RATIO_DIGITS = 5
"""Decimals of a utilisation: a hundred-thousandth of a request."""

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_NON_STR_KEYS


def json_response(content: Any, status: int = 200) -> Response:
    """A JSON response; datetimes become ISO 8601 with Z, NaN becomes null."""
    return Response(json_bytes(content), status, media_type="application/json")


def json_bytes(content: Any) -> bytes:
    """JSON as `json_response` sends it."""
    return orjson.dumps(content, option=_OPTIONS)


def time_of(seconds: float) -> datetime:
    """UNIX seconds as a datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def time_or_none(seconds: float | None) -> datetime | None:
    """The same, where it may be unknown."""
    return None if seconds is None else time_of(seconds)


def ratio_rows(rows: NDArray[np.float64] | None, count: int) -> list[list[float | None]]:
    """Rows of three utilisations, rounded for people; `count` rows of None where nothing is known."""
    if rows is None:
        return [[None, None, None]] * count
    found: list[list[float | None]] = np.round(rows, RATIO_DIGITS).tolist()
    return found


def short_ratio(value: float | None) -> float | None:
    """A probability or ratio with four decimals."""
    return None if value is None else round(value, 4)


def short(value: float | None) -> float | None:
    """Six significant digits."""
    return None if value is None else float(f"{value:.6g}")


def short_list(values: Sequence[float | None]) -> list[float | None]:
    """Six significant digits of each; what is not known stays None."""
    array = np.array([np.nan if value is None else value for value in values], np.float64)
    with np.errstate(divide="ignore"):
        size = np.floor(np.log10(np.abs(array)))
    digits = 10.0 ** np.clip(5 - np.nan_to_num(size, neginf=0.0), -300, 300)
    rounded = np.where(np.isfinite(array), np.round(array * digits) / digits, np.nan)
    return [None if value != value else value for value in rounded.tolist()]  # noqa: PLR0124 - NaN differs from itself

"""Durations as options take them: `90s`, `5m`, `1h`."""

from __future__ import annotations

import re

from helios.errors import SettingsError

_DURATION = re.compile(r"(\d{1,6})([smh])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(option: str, text: str) -> float:
    """Seconds.

    Raises:
        SettingsError: it is no duration; the message names the option, its value and the remedy.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not int(match[1]):
        raise SettingsError(f"{option} {text!r}: write a duration such as 90s, 5m or 1h")
    return int(match[1]) * _UNITS[match[2]]

"""What KEDA makes of the texts of a trigger's metadata, so that a rule refuses what KEDA refuses and nothing else.

As `setConfigValueHelper` of KEDA's typed_config.go reads them: blanks around a text are none of it, and an empty text is not there.
Nothing here knows what a field is for.
"""

from __future__ import annotations

import math
import re
from typing import Any

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DURATION = re.compile(r"[+]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)|[+]?[0-9]+")
_DECIMALS = 3
"""That are left of a threshold (`quantityFromFloat64`)."""


def said(value: Any) -> str:
    """The text of a value without the blanks around it; empty where there is none."""
    if value is None:
        return ""
    return (str(value).lower() if isinstance(value, bool) else str(value)).strip()


def truth(value: Any) -> bool | None:
    """A truth value as Go reads it (`strconv.ParseBool`); None where it is none: `yes`, `off`."""
    text = said(value)
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def number(value: Any) -> float | None:
    """A number as JSON has it, and of 64 bits; None for `70%`, `.5`, `+5`, `Inf`."""
    text = said(value)
    if not _NUMBER.fullmatch(text):
        return None
    found = float(text)
    return found if math.isfinite(found) else None


def is_threshold(value: Any) -> bool:
    """Whether a number is left of it that something can be divided by: three decimals, above zero."""
    found = number(value)
    return found is not None and round(found, _DECIMALS) > 0


def is_duration(value: Any) -> bool:
    """Whether it is `30s`, `1m30s`, or a whole number of milliseconds."""
    return _DURATION.fullmatch(said(value)) is not None


def is_mapping(value: Any) -> bool:
    """Whether it is `a=b,c=d`: each pair with one `=`, so that no value may have one of its own."""
    return all(pair.count("=") == 1 for pair in said(value).split(","))


def whole(value: Any, bits: int = 32) -> int | None:
    """A whole number above zero, of so many bits with its sign (`strconv.ParseInt`); None where it is none."""
    text = ("" if value is None else str(value)).removeprefix("+")
    if not (text.isascii() and text.isdigit() and len(text.lstrip("0")) < bits):
        return None
    found = int(text)
    return found if 0 < found < 2 ** (bits - 1) else None

"""The scalars a target is written in: cron, time zones, moments, quantities. Checked here, with the remedy.

The patterns are also the CustomResourceDefinition's, so they keep to what Go's and Python's regular expressions read alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

_DATE = "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
OFFSET = rf"(Z|[+-]{_TIME})$"
MOMENT = rf"^{_DATE}T{_TIME}:[0-5][0-9](Z|[+-]{_TIME})?$"
"""Date and time to the second, with an offset or as wall time."""
DECIMAL = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"
QUANTITY = r"^[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|Ki|Mi|Gi)?$"
CRON = r"^\S+(\s+\S+){4}$"
_FACTORS: Mapping[str, float] = {
    "": 1,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
}


def _cron(expression: str) -> str:
    wanted = "is not a cron expression of five fields such as '0 8 * * 1-5'"
    if not re.fullmatch(CRON, expression):
        raise ValueError(wanted)
    try:
        CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"{wanted} ({error})") from error
    return expression


@cache
def _zones() -> frozenset[str]:
    """Once per process, as it walks a folder."""
    return frozenset(available_timezones())


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("is not an IANA time zone such as Europe/Berlin")
    return name


def _quantity(value: object) -> object:
    """A quantity string as a number; anything else as it is."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(QUANTITY, value)
    if found is None:
        raise ValueError('is not a quantity such as "50", "0.5", "250m" or "64Mi"')
    suffix = found[2] or ""
    return float(value.removesuffix(suffix)) * _FACTORS[suffix]


def _moment(value: object) -> object:
    """What a person wrote, checked; what a YAML reader has parsed already, as it is."""
    if isinstance(value, str) and not re.fullmatch(MOMENT, value):
        raise ValueError(
            'is not a date and time such as "2026-11-27T00:00:00" or "2026-11-27T00:00:00+01:00"'
        )
    return value


Cron = Annotated[
    str, AfterValidator(_cron), Field(min_length=9, max_length=100, json_schema_extra={"pattern": CRON})
]
Zone = Annotated[
    str, AfterValidator(_zone), Field(max_length=64, json_schema_extra={"pattern": "^[A-Za-z0-9_+/-]+$"})
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "pattern": MOMENT, "maxLength": 32}),
]
PerReplica = Annotated[
    float,
    BeforeValidator(_quantity),
    Field(gt=0, lt=1e15, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "pattern": QUANTITY, "maxLength": 27}),
]

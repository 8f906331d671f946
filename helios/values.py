"""What a target is written in: counts, cron, time zones, moments, quantities, names of forecasters and of places. Checked here, with the remedy.

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
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from helios import forecasters

_DATE = "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
OFFSET = rf"(Z|[+-]{_TIME})$"
MOMENT = rf"^{_DATE}T{_TIME}:[0-5][0-9](Z|[+-]{_TIME})?$"
"""Date and time to the second, with an offset or as wall time."""
DECIMAL = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"
QUANTITY = r"^[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|Ki|Mi|Gi)?$"
FORECASTER = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
HOLIDAYS = "^[A-Z]{2,4}(-[A-Za-z0-9_]{1,40})?$"
CRON = r"^\S+(\s+\S+){4}$"
LONGEST_QUERY = 4096
"""Characters of PromQL that are read: the parser recurses in C, and some 16,000 parts end the process without a word."""
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


def _forecaster(name: str) -> str:
    wrong = forecasters.problem(name)
    if wrong is not None:
        raise ValueError(wrong)
    return name


@cache
def _parts() -> Mapping[str, frozenset[str]]:
    """Country -> its subdivisions with holidays of their own."""
    from holidays import list_supported_countries  # noqa: PLC0415 - most processes never need it, and it takes a while

    return {country: frozenset(parts) for country, parts in list_supported_countries().items()}


def _holidays(place: str) -> str:
    country, _, part = place.partition("-")
    if country not in _parts():
        raise ValueError(
            "is no country whose holidays are known: write its ISO 3166 code, such as DE or US-CA"
        )
    known = _parts()[country]
    if part and part not in known:
        others = f"with one of {', '.join(sorted(known))}" if known else "alone"
        raise ValueError(
            f"{part} is no part of {country} that has holidays of its own: write {country} {others}"
        )
    return place


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


Count = Annotated[int, Field(ge=1, le=100_000)]
Cron = Annotated[
    str, AfterValidator(_cron), Field(min_length=9, max_length=100, json_schema_extra={"pattern": CRON})
]
Zone = Annotated[
    str, AfterValidator(_zone), Field(max_length=64, json_schema_extra={"pattern": "^[A-Za-z0-9_+/-]+$"})
]
ForecasterName = Annotated[
    str, AfterValidator(_forecaster), Field(max_length=63, json_schema_extra={"pattern": FORECASTER})
]
HolidayPlace = Annotated[
    str, AfterValidator(_holidays), Field(max_length=48, json_schema_extra={"pattern": HOLIDAYS})
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


class Strict(BaseModel):
    """Unknown keys are refused; names are camelCase as Kubernetes has them."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

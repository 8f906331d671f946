"""What a user asks for on a HeliosTarget's annotations: a mute, and an anomaly that is known.

Annotations and not the spec, so that a tool that keeps the spec as it is in Git does not undo them. One that cannot be read costs
nothing but itself: it is told in words. Nothing here talks to Kubernetes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

MUTED_UNTIL = "helios.dev/muted-until"
ACKNOWLEDGED = "helios.dev/acknowledged"

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_SHOWN = 60
_REMEDIES = {
    MUTED_UNTIL: "write it as 2026-11-27T18:00:00Z, or use helios mute",
    ACKNOWLEDGED: "write the anomaly's onset as 2026-11-27T18:00:00Z, or use helios acknowledge",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the annotations ask for.

    Attributes:
        muted_until: UNIX seconds until when no anomaly raises an alarm; None for no mute.
        acknowledged: UNIX seconds: an anomaly that began no later raises no alarm; None for none.
        problems: of each annotation that cannot be read: its name, its value, the remedy.
    """

    muted_until: float | None = None
    acknowledged: float | None = None
    problems: tuple[str, ...] = ()


NOTHING = Asked()


def asked(metadata: Mapping[str, object]) -> Asked:
    """What the annotations of an object's metadata ask for. Never raises, whatever they are."""
    found = metadata.get("annotations")
    if not isinstance(found, Mapping) or not {MUTED_UNTIL, ACKNOWLEDGED} & found.keys():
        return NOTHING
    moments: dict[str, float | None] = {}
    problems = []
    for name, remedy in _REMEDIES.items():
        moments[name] = moment(found[name]) if name in found else None
        if name in found and moments[name] is None:
            value = repr(found[name])
            shown = value if len(value) <= _SHOWN else f"{value[: _SHOWN - 3]}..."
            problems.append(
                f"annotation {name} = {shown} is not an RFC 3339 time, and is passed over: {remedy}"
            )
    return Asked(moments[MUTED_UNTIL], moments[ACKNOWLEDGED], tuple(problems))


def moment(value: object) -> float | None:
    """UNIX seconds of an RFC 3339 time, whose offset it must have; None if it is not one."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        return None
    try:
        seconds = datetime.fromisoformat(value.upper()).timestamp()
        written(seconds)  # what cannot be told again is refused here
    except (ValueError, OverflowError):
        return None
    return seconds


def written(seconds: float) -> str:
    """UNIX seconds as an annotation holds them; a part of a second is rounded up, so that what is named is covered.

    Raises:
        ValueError, OverflowError: no calendar has that year.
    """
    return datetime.fromtimestamp(-(-seconds // 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

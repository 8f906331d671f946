"""What a demo has lived through, as a Prometheus would have scraped it: a file of the past for promtool.

    promtool tsdb create-blocks-from openmetrics FILE DATA

Dashboards look back for days, and set each prediction beside what came a horizon later; a Prometheus that is a minute
old has nothing to show. Every number is one that was published in that cycle. It is no store: it holds one process' past, in
memory, until it is written.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from helios.errors import HeliosError

SCRAPE_SECONDS = 100.0
"""Between two samples of one number. Prometheus looks back five minutes for the last one, and a rate wants two in four."""

CYCLE_TIME = "helios_cycle_timestamp_seconds"
_KEPT = "helios_"
_COMMENT = re.compile(r"# (HELP|TYPE) (\S+) (.+)")
_SAMPLE = re.compile(r"([\w:]+)(?:\{(.*)\})? (\S+)")


@dataclass
class Family:
    """One metric: what is said of it, and each of its series, a value for each cycle (NaN where it had none)."""

    name: str
    said: dict[str, str] = field(default_factory=dict)
    series: dict[str, array[float]] = field(default_factory=dict)


class Past:
    """The gauges of cycle after cycle; eight bytes for each number.

    Args:
        labels: added to every series, as a scrape adds `job` and `instance`: the series of the past and those that are
            scraped later are then the same ones.
    """

    def __init__(self, labels: Mapping[str, str] | None = None) -> None:
        self._labels = "".join(f',{name}="{_escaped(value)}"' for name, value in (labels or {}).items())
        self._moments: list[float] = []
        self._families: dict[str, Family] = {}

    def take(self, exposition: str, now: float) -> None:
        """Take what /metrics says after a cycle.

        The metrics of Helios are kept, without the times at which the client library made them. Helios tells the time
        of its last cycle on the wall; in a past that was walked through at once that is `now`.

        Args:
            exposition: Prometheus' text format.
            now: of the cycle, UNIX seconds; later than the last one taken.
        """
        self._moments.append(now)
        family = Family("")
        for line in exposition.splitlines():
            if found := _COMMENT.match(line):
                what, name, text = found.groups()
                family = self._families.setdefault(name, Family(name))
                family.said[what] = text
            elif line.startswith(_KEPT) and not family.name.endswith("_created"):
                self._add(family, line, now)

    def write(self, file: Path, until: float) -> int:
        """Write it as OpenMetrics, whole or not at all; the number of samples.

        A cycle's numbers are repeated until the next one, as scrapes would have found them; those of the last until `until`.

        Raises:
            HeliosError: the file cannot be written; an older one stands.
        """
        stamps = [
            [f" {when:.3f}\n" for when in np.arange(now, end, SCRAPE_SECONDS)]
            for now, end in zip(self._moments, [*self._moments[1:], until], strict=True)
        ]
        count = 0
        try:
            with _whole(file) as out:
                for family in self._families.values():
                    if family.series:
                        out.writelines(_head(family))
                    for name, values in family.series.items():
                        samples = list(_samples(name, values, stamps))
                        out.writelines(samples)
                        count += len(samples)
                out.write("# EOF\n")
        except OSError as error:
            raise HeliosError(
                f"{file}: the past could not be written ({error.strerror or error}); name a file in a folder that can be"
            ) from error
        return count

    def _add(self, family: Family, line: str, now: float) -> None:
        found = _SAMPLE.fullmatch(line)
        if found is None:
            return
        name, labels, value = found[1], f"{found[2] or ''}{self._labels}".removeprefix(","), found[3]
        values = family.series.setdefault(f"{name}{{{labels}}}" if labels else name, array("d"))
        values.extend([np.nan] * (len(self._moments) - 1 - len(values)))
        values.append(now if name == CYCLE_TIME else float(value))


def _head(family: Family) -> Iterator[str]:
    """Its comments: OpenMetrics calls a counter by its name without `_total`."""
    kind = family.said.get("TYPE", "unknown")
    name = family.name.removesuffix("_total") if kind == "counter" else family.name
    yield f"# TYPE {name} {kind}\n"
    if text := family.said.get("HELP"):
        yield f"# HELP {name} {text}\n"


def _samples(series: str, values: array[float], stamps: Sequence[Sequence[str]]) -> Iterator[str]:
    for value, times in zip(values, stamps, strict=False):
        if value == value:  # noqa: PLR0124 - not NaN: it was published
            sample = f"{series} {value!r}"
            yield from (sample + when for when in times)


@contextlib.contextmanager
def _whole(file: Path) -> Iterator[IO[str]]:
    """A text file that takes its name when it is complete; any user may read it."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        fresh.chmod(0o644)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

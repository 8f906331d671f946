"""The public fleets of /work/shared/data/README.md whose licences allow weights to be shared, on one grid of 5 minutes.

    from scripts.fleets import kin_of, sources

Benchmarks leave a fleet out of the training together with its kin: those of the same origin. Not here, for want of a licence:
Materna, Alibaba, and Bitbrains as GWA-T-12's own CSVs; GIFT-Eval's packaging of Bitbrains carries one. Of label files the labels
are not read.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import lzma
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from helios.sources.traces import Trace
from helios.trainings import on_grid
from scoring.panels import Panel

STEP = 300.0
SAMPLE = 300
"""Of GIFT-Eval's 1,250 machines so many are taken, each with its MHz and its percent."""
MIT, APACHE, CC_BY = "MIT", "Apache-2.0", "CC-BY-4.0"

Read = Callable[[list[Path], str], Trace]


@dataclass(frozen=True, slots=True)
class Fleet:
    """One source.

    Attributes:
        name: what it is known by.
        kin: its origin; fleets of one kin are never on both sides of a comparison.
        licence: SPDX identifier.
        sha256: of the files' bytes, one after the other.
        panel: all its series, on the grid.
    """

    name: str
    kin: str
    licence: str
    sha256: str
    panel: Panel


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a source lies.

    Attributes:
        files: a pattern under the data folder; with it the files are sorted by name.
        read: the files and the source's name to one trace.
    """

    name: str
    kin: str
    licence: str
    files: str
    read: Read


def sources(data: Path, *, without: Collection[str] = (), sample: int = SAMPLE) -> Iterator[Fleet]:
    """Read the fleets one after the other.

    Args:
        data: the folder that its README describes.
        without: kins that are left out, and not even read.
        sample: machines of GIFT-Eval's Bitbrains; the same ones at every run.

    Raises:
        FileNotFoundError: a source is missing: it is named.
    """
    for entry in _entries(sample):
        if entry.kin in without:
            continue
        files = sorted(data.glob(entry.files))
        if not files:
            raise FileNotFoundError(
                f"{data / entry.files}: there is no such file: is --data the right folder?"
            )
        digest = hashlib.sha256()
        for file in files:
            digest.update(file.read_bytes())
        panel = on_grid(entry.read(files, entry.name), STEP)
        yield Fleet(entry.name, entry.kin, entry.licence, digest.hexdigest(), panel)


def kin_of(name: str) -> str:
    """The kin of a file of the data folder, whether it is a source or not; of an unknown file its own name.

    Args:
        name: the file's, with or without endings.
    """
    stem = name.partition(".")[0]
    return next((kin for part, kin in _KINS.items() if part in stem), stem)


_KINS = {
    "worldcup98": "worldcup98",
    "isp_uk": "isp_uk",
    "rr_ms_": "microsoft",
    "azurefunctions": "azurefunctions",
    "nab_": "nab",
    "Twitter_volume": "nab",
    "bitbrains": "bitbrains",
    "azurevm": "azurevm",
    "materna": "materna",
    "alibaba": "alibaba",
    "google2019": "google",
    "azure2019": "azure2019",
    "omi-": "asd",
    "cpu4": "kpi",
    "machine-": "microsoft",
    "ingress-": "microsoft",
    "mongo-": "microsoft",
}


def _entries(sample: int) -> tuple[_Entry, ...]:
    def trace(name: str, licence: str, file: str) -> _Entry:
        return _Entry(name, kin_of(file), licence, f"traces/{file}.csv.gz", _trace)

    def metric(name: str, file: str) -> _Entry:
        return _Entry(name, "microsoft", MIT, f"mscloud/{file}.csv.gz", _labelled)

    def gift_eval(files: list[Path], name: str) -> Trace:
        return _gift_eval(files, name, sample)

    return (
        trace("worldcup98", MIT, "rr_worldcup98_1m"),
        trace("isp_uk", APACHE, "rr_isp_uk_5m"),
        trace("ms_mongo01", MIT, "rr_ms_mongo01_1m"),
        trace("ms_mongo03", MIT, "rr_ms_mongo03_1m"),
        trace("ms_ingress01", MIT, "rr_ms_ingress01_1m"),
        trace("ms_ingress04", MIT, "rr_ms_ingress04_1m"),
        metric("ms_ingress03", "data-ingress-rate/ingress-03"),
        metric("ms_ingress05", "data-ingress-rate/ingress-05"),
        metric("ms_machine01", "mongodb-machine-rps/machine-01"),
        trace("azurefunctions2021", CC_BY, "rr_azurefunctions2021_10fn_1m"),
        trace("nab_twitter", MIT, "rr_nab_twitter_volume_10_5m"),
        trace("azurevm2017", CC_BY, "cpu_azurevm2017_avg100_5m"),
        trace("azurevm2017_periodic", CC_BY, "cpu_azurevm2017_periodic78_5m"),
        trace("google2019", CC_BY, "cluster_google2019_5m"),
        trace("azure2019", CC_BY, "cluster_azure2019_5m"),
        _Entry("bitbrains", "bitbrains", APACHE, "gifteval/bitbrains_fast_storage_*", gift_eval),
        _Entry("asd", "asd", MIT, "asd/*_train.csv.gz", _servers),
        _Entry("kpi_cpu4", "kpi", MIT, "kpi/cpu4.csv.gz", _labelled),
    )


def _trace(files: list[Path], name: str) -> Trace:
    """A file in Helios' own form."""
    read = Trace.from_csv(files[0])
    return Trace(name, read.columns, read.start, read.step, read.values)


def _labelled(files: list[Path], name: str) -> Trace:
    """Time, value, label: ISO 8601 or UNIX seconds; what was standardised is lifted to zero, which changes no shape."""
    (_, *rows) = _rows(files[0])
    times = np.array([_seconds(row[0]) for row in rows])
    values = np.array([float(row[1] or "nan") for row in rows], np.float32)
    values -= min(np.float32(0), np.nanmin(values))
    step = float(np.quantile(np.diff(times), 0.5, method="lower"))
    slots = np.rint((times - times[0]) / step).astype(np.intp)
    grid = np.full((1, int(slots[-1]) + 1), np.nan, np.float32)
    grid[0, slots] = values
    return Trace(name, ("value",), float(times[0]), step, grid)


def _seconds(text: str) -> float:
    if text.isdigit():
        return float(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _servers(files: list[Path], name: str) -> Trace:
    """Servers of equally many metrics and rows, five minutes apart, without times: the first row is put at time 0."""
    columns, parts = [], []
    for file in files:
        (header, *rows) = _rows(file)
        server = file.name.split("_")[0]
        columns += [f"{server}/{metric}" for metric in header]
        parts.append(np.array(rows, np.float32).T)
    return Trace(name, tuple(columns), 0.0, STEP, np.concatenate(parts))


def _gift_eval(files: list[Path], name: str, sample: int) -> Trace:
    """Machines drawn by lot, the same ones at every run, each with both of its series."""
    times = np.load(next(file for file in files if file.name.endswith("_epoch_s.npy")))
    columns: list[str] = []
    parts: list[NDArray[np.float32]] = []
    for file in files:
        if not file.name.endswith(".npy.xz"):
            continue
        values = np.load(io.BytesIO(lzma.decompress(file.read_bytes())))
        picked = np.sort(np.random.default_rng(0).permutation(len(values))[:sample])
        variate = file.name.removesuffix(".npy.xz").split("5T_")[1]
        columns += [f"vm{machine}/{variate}" for machine in picked]
        parts.append(values[picked].astype(np.float32))
    return Trace(name, tuple(columns), float(times[0]), float(times[1] - times[0]), np.concatenate(parts))


def _rows(file: Path) -> list[list[str]]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))

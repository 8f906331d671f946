"""Writes what was learned as a version of its own: whole or not at all, beside what is there and never over it."""

from __future__ import annotations

import contextlib
import errno
import importlib.metadata
import os
import platform
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from helios.errors import ModelError
from helios.models import expectations, snapshots
from helios.models.files import LARGEST, pack_arrays, sha256
from helios.models.folders import (
    ARRAYS,
    ExpectationsMetadata,
    ForecasterMetadata,
    SnapshotMetadata,
    TrainedMetadata,
    is_version,
    version_key,
)
from helios.models.forecasters import BOOSTER, FLEET, FORMAT, Source
from scoring.anomalies.companions import NAMES
from scoring.anomalies.expectations import Expectations
from scoring.anomalies.snapshots import Snapshots
from scoring.forecasting.forecasts import LEVELS
from scoring.forecasting.learned import Models

FIRST = "1.0.0"
LIBRARIES = ("helios-autoscaler", "numpy", "xgboost", "xgboost-cpu")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_TRIES = 20
"""So many others may take the next version between a look and a rename."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model comes from, and how good it was found to be.

    Attributes:
        step_seconds: of the panels that it was trained on.
        sources: what it was trained on.
        basis: the same in a sentence.
        settings: of the training.
        metrics: its own figures, for /models.
        held_out: figures on each source's held-out last stretch: source -> figure -> value.
        base: the version that training went on from; empty: from nothing.
    """

    step_seconds: float
    sources: Sequence[Source]
    basis: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    held_out: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    base: str = ""


def write_version(
    root: Path, models: Models, origin: Origin, *, now: float, name: str = FLEET, above: str = ""
) -> Path:
    """Write `<root>/<name>/<next version>/`, and return it.

    The folder is made under a hidden name and renamed when all of it is on the disk: nobody ever sees half of one.
    Equal models give equal `arrays.npz` and `booster.ubj`; `metadata.json` also tells the time and the libraries.

    Args:
        root: a folder of models, such as `HELIOS_MODEL_PATH`; made where it is missing.
        models: what was learned.
        origin: what is told about it.
        now: UNIX seconds.
        name: the model's.
        above: the version is newer than this one, too.

    Raises:
        ModelError: there is nothing to write, it is not finite or too large, or the folder cannot be written.
    """
    contents = _contents(models)
    return write_folder(
        root, name, contents, lambda version: _metadata(name, version, origin, contents, now), above=above
    )


def write_expectations(
    root: Path, learned: Expectations, origin: Origin, *, now: float, above: str = ""
) -> Path:
    """Write the next version of what is expected of a metric beside its companions, and return its folder.

    Args:
        root: a folder of models.
        learned: with a measured spread.
        origin: what is told about it.
        now: UNIX seconds.
        above: the version is newer than this one, too.

    Raises:
        ModelError: the folder cannot be written.
    """
    contents = {ARRAYS: pack_arrays(expectations.arrays_of(learned)), BOOSTER: learned.ensemble}

    def metadata(version: str) -> ExpectationsMetadata:
        told = _told_of(expectations.FORMAT, expectations.EXPECTATIONS, version, origin, contents, now)
        return ExpectationsMetadata(**told, inputs=NAMES)

    return write_folder(root, expectations.EXPECTATIONS, contents, metadata, above=above)


def write_snapshots(root: Path, learned: Snapshots, origin: Origin, *, now: float, above: str = "") -> Path:
    """Write the next version of what /detect expects of a service's snapshots, and return its folder.

    Args:
        root: a folder of models.
        learned: what was learned.
        origin: what is told about it.
        now: UNIX seconds.
        above: the version is newer than this one, too.

    Raises:
        ModelError: the folder cannot be written.
    """
    contents = {ARRAYS: pack_arrays(snapshots.arrays_of(learned))}
    contents |= {snapshots.file_of(name): ensemble for name, ensemble in learned.ensembles.items()}

    def metadata(version: str) -> SnapshotMetadata:
        told = _told_of(snapshots.FORMAT, snapshots.SNAPSHOTS, version, origin, contents, now)
        return SnapshotMetadata(**told, known=learned.known)

    return write_folder(root, snapshots.SNAPSHOTS, contents, metadata, above=above)


def write_folder(
    root: Path,
    name: str,
    contents: Mapping[str, bytes],
    metadata: Callable[[str], TrainedMetadata],
    *,
    above: str = "",
) -> Path:
    """Write files as the next version of a model, whole or not at all, and return its folder.

    Args:
        root: a folder of models; made where it is missing.
        name: the model's.
        contents: file name -> bytes.
        metadata: what is told of the version.
        above: the version is newer than this one, too.

    Raises:
        ModelError: a name cannot be one, a file is too large, or the folder cannot be written.
    """
    if _NAME.fullmatch(name) is None:
        raise ModelError(f"model name {name!r}: use a-z, 0-9 and -, at most 63 of them")
    for file, content in contents.items():
        if len(content) > LARGEST:
            raise ModelError(f"{file} would have {len(content)} bytes; a model's file has at most {LARGEST}")
    folder = root / name
    with _told(folder), _workshop(folder) as work:
        for file, content in contents.items():
            _write(work / file, content)
        for _ in range(_TRIES):
            target = folder / next_version(folder, above=above)
            told = metadata(target.name).model_dump_json(indent=2) + "\n"
            _write(work / "metadata.json", told.encode())
            if _renamed(work, target):
                _sync(folder)
                return target
    raise ModelError(f"{folder}: {_TRIES} versions were taken by others meanwhile: try again")


def next_version(folder: Path, *, above: str = "") -> str:
    """The version after all that a model's folder holds, whether they are intact or not.

    Args:
        folder: `<root>/<name>`; need not be there.
        above: a version elsewhere that it follows, too.

    Raises:
        OSError: the folder cannot be looked at.
    """
    there = [entry.name for entry in folder.iterdir()] if folder.exists() else []
    taken = [name for name in (*there, above) if is_version(name)]
    if not taken:
        return FIRST
    major, minor, *_ = (*max(version_key(version) for version in taken), 0, 0)
    return f"{major}.{minor + 1}.0"


def library_versions() -> dict[str, str]:
    """The versions of what trains: equal ones give equal bytes."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name.removesuffix("-cpu")] = importlib.metadata.version(name)
    return found


def _contents(models: Models) -> dict[str, bytes]:
    """The files' bytes, if they could be loaded again."""
    if not models.network and models.booster is None:
        raise ModelError("nothing was learned: there is neither a network nor a booster to write")
    arrays = {name: np.asarray(array, np.float32) for name, array in models.network.items()}
    wrong = sorted(name for name, array in arrays.items() if not np.all(np.isfinite(array)))
    if wrong:
        raise ModelError(f"what was learned is not finite ({', '.join(wrong)}): it is not written")
    contents = {ARRAYS: pack_arrays(arrays)}
    if models.booster is not None:
        contents[BOOSTER] = bytes(models.booster)
    return contents


def _metadata(
    name: str, version: str, origin: Origin, contents: Mapping[str, bytes], now: float
) -> ForecasterMetadata:
    return ForecasterMetadata(**_told_of(FORMAT, name, version, origin, contents, now), levels=LEVELS)


def _told_of(
    kind: str, name: str, version: str, origin: Origin, contents: Mapping[str, bytes], now: float
) -> dict[str, Any]:
    """What is told of everything that was trained."""
    return {
        "format": kind,
        "name": name,
        "version": version,
        "created_at": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "step_seconds": origin.step_seconds,
        "basis": origin.basis,
        "metrics": dict(origin.metrics),
        "files": {file: sha256(content) for file, content in contents.items()},
        "sources": tuple(origin.sources),
        "settings": dict(origin.settings),
        "held_out": {source: dict(figures) for source, figures in origin.held_out.items()},
        "libraries": library_versions(),
        "base": origin.base,
    }


def _renamed(work: Path, target: Path) -> bool:
    """Give the finished folder its name; whether the name was still free."""
    if target.exists() or target.is_symlink():  # a rename alone would take an empty folder's place
        return False
    try:
        work.rename(target)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
            return False
        raise
    return True


@contextlib.contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A hidden folder on the same disk; what is left of it is removed."""
    work = folder / f".writing-{uuid.uuid4().hex}"
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Failures of the disk as ours, with the folder's name."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise ModelError(
            f"{where}: cannot be written: {error.strerror or error}: check the folder"
        ) from error


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Keep the rename through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

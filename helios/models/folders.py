"""One model folder: read, verified, checked for sense, and only then a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helios.errors import ModelError
from helios.models import expectations, forecasters, references, snapshots
from helios.models.expectations import build_expectations
from helios.models.files import read_arrays, read_bytes, read_verified
from helios.models.forecasters import BOOSTER, Source, build_models
from helios.models.references import build_reference
from helios.models.snapshots import build_snapshots
from scoring.anomalies.expectations import Expectations
from scoring.anomalies.snapshots import Snapshots
from scoring.forecasting.learned import Models
from scoring.references import Reference

ARRAYS = "arrays.npz"
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,3}")

Built = TypeVar("Built")


class Metadata(BaseModel):
    """`metadata.json`; what it does not know it leaves alone, for a newer version may say more."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    format: str
    name: str
    version: str
    created_at: str
    step_seconds: float = Field(gt=0, le=86_400)
    basis: str
    metrics: dict[str, float] = {}
    files: dict[str, str]
    """File name -> SHA-256 of its bytes."""


class TrainedMetadata(Metadata):
    """`metadata.json` of what was trained.

    Attributes:
        sources: what it was trained on.
        settings: of the training, as given.
        held_out: measured on each source's held-out last stretch: source -> figure -> value.
        libraries: name -> version of what trained it.
        base: the model that training went on from; empty: from nothing.
    """

    sources: tuple[Source, ...]
    settings: dict[str, Any] = {}
    held_out: dict[str, dict[str, float]] = {}
    libraries: dict[str, str] = {}
    base: str = ""


class ForecasterMetadata(TrainedMetadata):
    """`metadata.json` of what was learned from fleets.

    Attributes:
        levels: the quantile levels that it forecasts.
    """

    levels: tuple[float, ...]


class ExpectationsMetadata(TrainedMetadata):
    """`metadata.json` of what is expected of a metric beside its companions.

    Attributes:
        inputs: the names of what its ensemble reads, in order.
    """

    inputs: tuple[str, ...]


class SnapshotMetadata(TrainedMetadata):
    """`metadata.json` of what is expected of a snapshot's metrics.

    Attributes:
        known: the metrics that it knows, in the order of its inputs.
    """

    known: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A verified model of the first kind.

    Attributes:
        name: `baseline`, …
        version: as in its metadata.
        loaded_at: UNIX seconds.
        source: the folder it came from, or `bundled`.
        metadata: all of it.
        reference: what it answers from.
        bands: P10, P50 and P90 ratios by `cpu` and `memory`, `[periods, 3]`: cut out once, read at every request.
    """

    name: str
    version: str
    loaded_at: float
    source: str
    metadata: Metadata
    reference: Reference
    bands: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedForecaster:
    """A verified model of the second kind.

    Attributes:
        name: `fleet`, …
        version: as in its metadata.
        loaded_at: UNIX seconds.
        source: the folder it came from, or `bundled`.
        metadata: all of it.
        models: what was learned.
    """

    name: str
    version: str
    loaded_at: float
    source: str
    metadata: ForecasterMetadata
    models: Models


@dataclass(frozen=True, slots=True, eq=False)
class LoadedExpectations:
    """A verified model of the third kind; members as those of the others.

    Attributes:
        expectations: what was learned; its ensemble is opened when it is first asked.
    """

    name: str
    version: str
    loaded_at: float
    source: str
    metadata: ExpectationsMetadata
    expectations: Expectations


@dataclass(frozen=True, slots=True, eq=False)
class LoadedSnapshots:
    """A verified model of the fourth kind; members as those of the others.

    Attributes:
        snapshots: what was learned; its ensembles are opened when it is first asked.
    """

    name: str
    version: str
    loaded_at: float
    source: str
    metadata: SnapshotMetadata
    snapshots: Snapshots


Loaded = LoadedModel | LoadedForecaster | LoadedExpectations | LoadedSnapshots
KINDS: Mapping[str, type[Metadata]] = {
    references.FORMAT: Metadata,
    forecasters.FORMAT: ForecasterMetadata,
    expectations.FORMAT: ExpectationsMetadata,
    snapshots.FORMAT: SnapshotMetadata,
}
"""Format -> what its `metadata.json` says."""


def is_version(name: str) -> bool:
    """Whether a folder's name is a version's: one to four numbers with points between them."""
    return _VERSION.fullmatch(name) is not None


def version_key(version: str) -> list[int]:
    """Orders versions by number: 1.10.0 is newer than 1.9.0."""
    return [int(part) for part in version.split(".")]


def versions_in(folder: Path) -> list[str]:
    """The versions in a model's folder, newest first, by number."""
    found = [entry.name for entry in folder.iterdir() if is_version(entry.name) and entry.is_dir()]
    return sorted(found, key=version_key, reverse=True)


def load_folder(folder: Path, *, source: str, now: float) -> Loaded:
    """Read, verify and load one version's folder.

    Args:
        folder: `<path>/<name>/<version>`.
        source: where it is said to come from.
        now: UNIX seconds, kept as the time of loading.

    Raises:
        ModelError: naming the file and what is wrong with it.
    """
    metadata = read_metadata(folder)
    contents = read_contents(folder, metadata)
    who = (metadata.name, metadata.version, now, source)
    arrays = _sensible(folder / ARRAYS, lambda: read_arrays(contents[ARRAYS]))
    if isinstance(metadata, ExpectationsMetadata):
        inputs = metadata.inputs
        expected = _sensible(folder, lambda: build_expectations(arrays, contents, inputs))
        return LoadedExpectations(*who, metadata, expected)
    if isinstance(metadata, SnapshotMetadata):
        known = metadata.known
        judged = _sensible(folder, lambda: build_snapshots(arrays, contents, known))
        return LoadedSnapshots(*who, metadata, judged)
    if isinstance(metadata, ForecasterMetadata):
        booster = contents.get(BOOSTER)
        models = _sensible(folder, lambda: build_models(arrays, booster, metadata.levels))
        return LoadedForecaster(*who, metadata, models)
    reference = _sensible(
        folder / ARRAYS,
        lambda: build_reference(arrays, step_seconds=metadata.step_seconds, basis=metadata.basis),
    )
    bands = {kind: np.ascontiguousarray(changes.band) for kind, changes in reference.changes.items()}
    return LoadedModel(*who, metadata, reference, bands)


def read_metadata(folder: Path) -> Metadata:
    """`metadata.json` of a version's folder, of the kind that its format names, checked against the folder's own name.

    Raises:
        ModelError: it cannot be read, is of another kind, or belongs to another folder.
    """
    path = folder / "metadata.json"
    content = read_bytes(path)
    metadata = _parsed(Metadata, content, path)
    if metadata.format not in KINDS:
        *most, last = map(repr, KINDS)
        raise ModelError(
            f"{path}: format is {metadata.format!r}; this version of Helios loads {', '.join(most)} and {last} only"
        )
    if KINDS[metadata.format] is not Metadata:
        metadata = _parsed(KINDS[metadata.format], content, path)
    if (metadata.name, metadata.version) != (folder.parent.name, folder.name):
        raise ModelError(
            f"{path}: it says {metadata.name} {metadata.version}, its folder {folder.parent.name} {folder.name}"
        )
    return metadata


def read_contents(folder: Path, metadata: Metadata) -> dict[str, bytes]:
    """The verified bytes of every file that the metadata names.

    Raises:
        ModelError: a file is missing, altered or not of this folder.
    """
    if any(_FILE.fullmatch(name) is None for name in metadata.files):
        raise ModelError(f"{folder / 'metadata.json'}: `files` may name files of its own folder only")
    if ARRAYS not in metadata.files:
        raise ModelError(f"{folder / 'metadata.json'}: `files` does not name {ARRAYS}")
    return {name: read_verified(folder / name, digest) for name, digest in metadata.files.items()}


Parsed = TypeVar("Parsed", bound=Metadata)


def _parsed(kind: type[Parsed], content: bytes, path: Path) -> Parsed:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "JSON"
        raise ModelError(f"{path}: {field}: {first['msg']}") from error


def _sensible(path: Path, build: Callable[[], Built]) -> Built:
    """What `build` makes; whatever goes wrong with foreign bytes is the folder's fault."""
    try:
        return build()
    except Exception as error:
        raise ModelError(f"{path}: {error}") from error

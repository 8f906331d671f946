"""One model folder: read, verified, checked for sense, and only then a model.

Every file is read once, and the bytes that were verified are the bytes that are loaded.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helios.errors import ModelError
from scoring.references import LOWER, MEDIAN, UPPER, Changes, Heights, Reference

FORMAT = "helios-reference/1"
"""The one kind of model this version can load."""

KINDS = ("cpu", "memory")
PERIODS = 288
"""How far ahead a model must be able to answer."""

_LARGEST = 64 * 2**20
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,3}")


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


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A verified model.

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


def versions_in(folder: Path) -> list[str]:
    """The versions in a model's folder, newest first, by number: 1.10.0 is newer than 1.9.0."""
    found = [entry.name for entry in folder.iterdir() if _VERSION.fullmatch(entry.name) and entry.is_dir()]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")], reverse=True)


def load_folder(folder: Path, *, source: str, now: float) -> LoadedModel:
    """Read, verify and load one version's folder.

    Args:
        folder: `<path>/<name>/<version>`.
        source: where it is said to come from.
        now: UNIX seconds, kept as the time of loading.

    Raises:
        ModelError: naming the file and what is wrong with it.
    """
    metadata = read_metadata(folder)
    if any(_FILE.fullmatch(name) is None for name in metadata.files):
        raise ModelError(f"{folder / 'metadata.json'}: `files` may name files of its own folder only")
    contents = {name: read_verified(folder / name, digest) for name, digest in metadata.files.items()}
    if "arrays.npz" not in contents:
        raise ModelError(f"{folder / 'metadata.json'}: `files` does not name arrays.npz")
    try:
        reference = build_reference(read_arrays(contents["arrays.npz"]), metadata)
    except Exception as error:  # whatever numpy makes of foreign bytes is the folder's fault
        raise ModelError(f"{folder / 'arrays.npz'}: {error}") from error
    bands = {kind: np.ascontiguousarray(changes.band) for kind, changes in reference.changes.items()}
    return LoadedModel(metadata.name, metadata.version, now, source, metadata, reference, bands)


def read_metadata(folder: Path) -> Metadata:
    """`metadata.json` of a version's folder, checked against the folder's own name and version."""
    path = folder / "metadata.json"
    try:
        metadata = Metadata.model_validate_json(read_bytes(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "JSON"
        raise ModelError(f"{path}: {field}: {first['msg']}") from error
    if metadata.format != FORMAT:
        raise ModelError(
            f"{path}: format is {metadata.format!r}; this version of Helios loads {FORMAT!r} only"
        )
    if (metadata.name, metadata.version) != (folder.parent.name, folder.name):
        raise ModelError(
            f"{path}: it says {metadata.name} {metadata.version}, its folder {folder.parent.name} {folder.name}"
        )
    return metadata


def read_verified(path: Path, digest: str) -> bytes:
    """The bytes of a file, if they are the ones that its metadata names."""
    content = read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if found != digest.lower():
        raise ModelError(
            f"{path}: damaged or altered: its SHA-256 is {found[:12]}…, metadata.json says {digest[:12]}…; "
            "copy the folder again"
        )
    return content


def read_bytes(path: Path) -> bytes:
    """The bytes of a file of a sane size."""
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise ModelError(f"{path}: {size} bytes; a model's file has at most {_LARGEST}")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error


def read_arrays(content: bytes) -> dict[str, NDArray[np.float64]]:
    """The arrays of an .npz; pickled objects are refused by numpy."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


def build_reference(arrays: Mapping[str, NDArray[np.float64]], metadata: Metadata) -> Reference:
    """The reference made of the arrays.

    Raises:
        ValueError: if an array is missing, of the wrong shape, not finite or not rising.
    """
    for name, array in arrays.items():
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name} holds values that are not finite")
    levels = _pick(arrays, "levels", (None,))
    if not np.isin((LOWER, MEDIAN, UPPER), levels).all():
        raise ValueError("levels lacks one of 0.1, 0.5 and 0.9")
    changes, heights = {}, {}
    for kind in KINDS:
        ratios = _pick(arrays, f"{kind}_ratios", (None, len(levels)))
        reached = _pick(arrays, f"{kind}_reached", ratios.shape)
        if len(ratios) < PERIODS:
            raise ValueError(f"{kind}_ratios has {len(ratios)} horizons; {PERIODS} are needed")
        if ratios.min() < 0 or reached.min() < 0 or reached.max() > 1:
            raise ValueError(f"{kind}_ratios or {kind}_reached is out of range")
        changes[kind] = Changes(levels, ratios, reached)
        sigmas = _pick(arrays, "sigmas", (None,))
        tail = float(_pick(arrays, f"{kind}_tail", ()))
        if tail <= 0:
            raise ValueError(f"{kind}_tail must be above 0")
        heights[kind] = Heights(sigmas, _pick(arrays, f"{kind}_values", sigmas.shape), tail)
    return Reference(metadata.step_seconds, changes, heights, metadata.basis)


def _pick(arrays: Mapping[str, Any], name: str, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """An array of the wished shape (None: any length), rising along its last axis."""
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    array: NDArray[np.float64] = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or (array.ndim and (array.shape[-1] < 1 or np.any(np.diff(array, axis=-1) < 0))):
        raise ValueError(f"{name} has the shape {array.shape} or does not rise")
    return array

"""A scorer's memory on disk: written whole or not at all, verified before it is believed.

One file: a SHA-256, then numpy arrays; never pickle. A full disk, a torn write or a damaged file costs the warm
start and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from helios.errors import SnapshotError
from scoring.states import State

_FILE = "state.npz"
_SUM_BYTES = 65
"""The file begins with the hexadecimal SHA-256 of all that follows, and a line feed."""


def save(folder: Path, state: State) -> Path:
    """Write `state` into `folder`; the old one stays until the new one is complete.

    Raises:
        SnapshotError: the folder cannot be written (full, read-only, missing); the old snapshot still stands.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".state-", dir=folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w+b") as file:
                file.write(b" " * _SUM_BYTES)
                np.savez(file, **state)  # type: ignore[arg-type] # its stub takes a bool among the names
                checksum = _sha256(file)
                file.seek(0)
                file.write(checksum.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(folder / _FILE)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SnapshotError(
            f"{folder}: the snapshot could not be written ({error.strerror or error}); the loop goes on without it"
        ) from error
    return folder / _FILE


def load(folder: Path) -> State | None:
    """The state stored in `folder`; None if there is none.

    Raises:
        SnapshotError: it is damaged or cannot be read.
    """
    path = folder / _FILE
    try:
        with path.open("rb") as file:
            wanted = file.read(_SUM_BYTES).strip()
            if _sha256(file).encode() != wanted:
                raise SnapshotError(
                    f"{path}: does not match its checksum; starting cold (delete it to silence this)"
                )
            file.seek(_SUM_BYTES)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise SnapshotError(f"{path}: cannot be read ({error}); starting cold") from error


def _sha256(file: IO[bytes]) -> str:
    """Of all that follows the checksum's own place."""
    file.seek(_SUM_BYTES)
    digest = hashlib.sha256()
    while piece := file.read(2**20):
        digest.update(piece)
    return digest.hexdigest()

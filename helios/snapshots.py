"""A scorer's memory on disk: written whole or not at all, verified before it is believed.

One file of numpy arrays beside its SHA-256; never pickle. A full disk, a torn write or a damaged file costs the warm
start and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from helios.errors import SnapshotError
from scoring.states import State

_FILE, _SUM = "state.npz", "state.sha256"


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
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **state)  # type: ignore[arg-type] # its stub takes a bool among the names
                file.flush()
                os.fsync(file.fileno())
            checksum = _sha256(temporary)
            (folder / _SUM).unlink(missing_ok=True)
            temporary.replace(folder / _FILE)
            (folder / _SUM).write_text(checksum + "\n", encoding="ascii")
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
    if not path.exists():
        return None
    try:
        wanted = (folder / _SUM).read_text(encoding="ascii").strip()
        if _sha256(path) != wanted:
            raise SnapshotError(
                f"{path}: does not match its checksum; starting cold (delete it to silence this)"
            )
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise SnapshotError(f"{path}: cannot be read ({error}); starting cold") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

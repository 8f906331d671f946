"""A scorer's memory on disk: files that are written whole or not at all, and verified before they are believed.

Each: a SHA-256, then numpy arrays; never pickle. A full disk, a torn write or a damaged file costs what that file
holds and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from helios.errors import SnapshotError
from scoring.states import State

STATE = "state.npz"
"""What was decided: small, for every cycle."""
HISTORY = "history.npz"
"""What was observed and said: large, for now and then."""
_UNFINISHED = (".helios-", ".unfinished")
"""How the name of a file begins and ends while it is written."""
_SUM_BYTES = 65
"""The file begins with the hexadecimal SHA-256 of all that follows, and a line feed."""


def save(folder: Path, name: str, state: State) -> Path:
    """Write `state` into the file `name` in `folder`; the old one stays until the new one is complete.

    What a process that was killed in the midst of this has left behind is removed first.

    Raises:
        SnapshotError: the folder cannot be written (full, read-only, missing); the old snapshot still stands.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder)
        begin, end = _UNFINISHED
        handle, path = tempfile.mkstemp(prefix=begin, suffix=end, dir=folder)
        temporary = Path(path)
        try:
            with os.fdopen(handle, "w+b") as file:
                file.write(b" " * _SUM_BYTES)
                np.savez(file, **state)  # type: ignore[arg-type] # its stub takes a bool among the names
                checksum = _sha256(file)
                file.seek(0)
                file.write(checksum.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(folder / name)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SnapshotError(
            f"{folder}: the snapshot could not be written ({error.strerror or error}); the loop goes on without it"
        ) from error
    return folder / name


def load(folder: Path, name: str) -> State | None:
    """The state stored in the file `name` in `folder`; None if there is none.

    Raises:
        SnapshotError: it is damaged or cannot be read.
    """
    path = folder / name
    try:
        with path.open("rb") as file:
            return _read(file, str(path), "; starting cold (delete it to silence this)")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read ({error}); starting cold") from error


def stored(folder: Path | None, name: str) -> bytes:
    """The file `name` in `folder` as it is, for another process to `read`; empty where there is none."""
    try:
        return b"" if folder is None else (folder / name).read_bytes()
    except OSError:
        return b""


def read(content: bytes, source: str) -> State:
    """The state in what `stored` gave in another process, verified as a file's.

    Raises:
        SnapshotError: it is damaged, or no such thing.
    """
    return _read(io.BytesIO(content), source, "", most=len(content))


def _read(file: IO[bytes], source: str, remedy: str, most: int | None = None) -> State:
    """What follows the checksum, if it is as it was written.

    Args:
        file: at its beginning.
        source: what it is, for people.
        remedy: where it is damaged.
        most: bytes that all arrays together may have.

    Raises:
        SnapshotError: it is not.
        OSError: it cannot be read.
    """
    wanted = file.read(_SUM_BYTES).strip()
    if _sha256(file).encode() != wanted:
        raise SnapshotError(f"{source}: does not match its checksum{remedy}")
    file.seek(_SUM_BYTES)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            if most is not None and sum(one.file_size for one in arrays.zip.infolist()) > most:
                raise SnapshotError(f"{source}: holds more than it shows")
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, zipfile.BadZipFile, AttributeError, TypeError, EOFError, MemoryError) as error:
        raise SnapshotError(f"{source}: cannot be read ({error}); starting cold") from error


def _remove_unfinished(folder: Path) -> None:
    begin, end = _UNFINISHED
    for left in folder.glob(f"{begin}*{end}"):
        with contextlib.suppress(OSError):  # what cannot be removed does not keep us from writing
            left.unlink()


def _sha256(file: IO[bytes]) -> str:
    """Of all that follows the checksum's own place."""
    file.seek(_SUM_BYTES)
    digest = hashlib.sha256()
    while piece := file.read(2**20):
        digest.update(piece)
    return digest.hexdigest()

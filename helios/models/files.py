"""The bytes of a model folder: of a sane size, with the SHA-256 that was promised, and arrays without pickles.

Every file is read once, and the bytes that were verified are the bytes that are loaded. What the arrays mean is for
`references` and `forecasters`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helios.errors import ModelError

LARGEST = 64 * 2**20
"""Bytes of a file, and of an archive's arrays once they are unpacked."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that an archive can hold: equal arrays give equal bytes."""


def read_bytes(path: Path) -> bytes:
    """The bytes of a file of a sane size.

    Raises:
        ModelError: it is too large or cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise ModelError(f"{path}: {size} bytes; a model's file has at most {LARGEST}")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error


def read_verified(path: Path, digest: str) -> bytes:
    """The bytes of a file, if they are the ones that its metadata names.

    Raises:
        ModelError: they are others, or cannot be read.
    """
    content = read_bytes(path)
    found = sha256(content)
    if found != digest.lower():
        raise ModelError(
            f"{path}: damaged or altered: its SHA-256 is {found[:12]}…, metadata.json says {digest[:12]}…; "
            "copy the folder again"
        )
    return content


def sha256(content: bytes) -> str:
    """The digest under which `metadata.json` names a file."""
    return hashlib.sha256(content).hexdigest()


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz; numpy refuses pickled objects.

    Raises:
        Exception: whatever zipfile and numpy make of foreign bytes; a ValueError where they unpack to too much.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > LARGEST:
        raise ValueError(f"its arrays take {unpacked} bytes; a model's have at most {LARGEST}")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An .npz of the arrays in order of their names; equal arrays give equal bytes on every machine."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            member.create_system = 3  # else Windows writes another byte
            plain = io.BytesIO()
            np.lib.format.write_array(plain, np.asarray(arrays[name], order="C"), allow_pickle=False)
            archive.writestr(member, plain.getvalue())
    return packed.getvalue()

"""A file on disk is whole or not there, and what is left of a bad day is cleared away."""

from __future__ import annotations

import hashlib
import io
import pickle
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helios import snapshots
from helios.errors import SnapshotError
from helios.snapshots import HISTORY, STATE
from tests.processes.disks import FULL_DISK, killed_while_saving, room_for

DAMAGES = [
    pytest.param(lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]), id="torn"),
    pytest.param(lambda p: p.write_bytes(b"not numpy"), id="foreign"),
    pytest.param(lambda p: p.write_bytes(p.read_bytes()[:-9] + b"\x00" * 9), id="flipped"),
    pytest.param(lambda p: p.write_bytes(p.read_bytes()[65:]), id="no-checksum"),
    pytest.param(lambda p: p.write_bytes(b""), id="empty"),
]


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """Each file by its name, and none where none was saved."""
    snapshots.save(tmp_path / "new", STATE, {"a": np.arange(3), "b": np.array([[np.nan]], np.float32)})
    state = snapshots.load(tmp_path / "new", STATE)
    assert state is not None
    assert ([0, 1, 2], "float32", (1, 1)) == (state["a"].tolist(), state["b"].dtype.name, state["b"].shape)
    assert snapshots.load(tmp_path / "new", HISTORY) is None


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """The user reads which file it is; nothing of it is believed."""
    damage(snapshots.save(tmp_path, STATE, {"a": np.arange(3)}))
    with pytest.raises(SnapshotError, match=r"state\.npz: .*starting cold"):
        snapshots.load(tmp_path, STATE)


def test_a_folder_that_cannot_be_written_is_named() -> None:
    """The error is one of ours, whatever the file system says."""
    with pytest.raises(SnapshotError, match=r"/dev/full/state: .* could not be written \(Not a directory\)"):
        snapshots.save(FULL_DISK, STATE, {"a": np.arange(3)})


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    """A disk that fills up during the write costs the new snapshot only, and no room."""
    snapshots.save(tmp_path, STATE, {"a": np.arange(3)})
    with room_for(65_536), pytest.raises(SnapshotError, match="File too large"):
        snapshots.save(tmp_path, STATE, {"a": np.zeros(100_000)})
    again = snapshots.load(tmp_path, STATE)
    assert again is not None
    assert [0, 1, 2] == again["a"].tolist()
    assert [STATE] == names(tmp_path)


def test_a_kill_during_the_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    """The next write, of whichever file, removes what the killed one began, and nothing that is not ours."""
    mine = [".helios-notes", ".state-backup", "notes.txt"]
    for name in mine:
        (tmp_path / name).touch()
    snapshots.save(tmp_path, HISTORY, {"a": np.arange(3)})
    assert -signal.SIGXFSZ == killed_while_saving(tmp_path, HISTORY)
    old = snapshots.load(tmp_path, HISTORY)
    assert old is not None
    assert [0, 1, 2] == old["a"].tolist()
    assert len(names(tmp_path)) == len(mine) + 2
    snapshots.save(tmp_path, STATE, {"a": np.arange(3)})
    assert sorted([*mine, HISTORY, STATE]) == names(tmp_path)


def test_a_file_can_be_handed_over_to_another_process(tmp_path: Path) -> None:
    """As it is on the disk, verified where it arrives; where there is none, or no folder, nothing is handed over."""
    snapshots.save(tmp_path, STATE, {"a": np.arange(3)})
    state = snapshots.read(snapshots.stored(tmp_path, STATE), "the other's")
    assert [0, 1, 2] == state["a"].tolist()
    assert [b"", b""] == [snapshots.stored(tmp_path, HISTORY), snapshots.stored(None, STATE)]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_damaged_on_its_way_is_refused(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """In the words of one who knows no file."""
    damage(snapshots.save(tmp_path, STATE, {"a": np.arange(3)}))
    with pytest.raises(SnapshotError, match="the other's: "):
        snapshots.read(snapshots.stored(tmp_path, STATE), "the other's")


def test_what_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    """A small answer whose arrays are large when they are unpacked."""
    packed = io.BytesIO()
    np.savez_compressed(packed, a=np.zeros(10_000_000))
    content = hashlib.sha256(packed.getvalue()).hexdigest().encode() + b"\n" + packed.getvalue()
    with pytest.raises(SnapshotError, match="holds more than it shows"):
        snapshots.read(content, "the other's")


def test_what_is_no_archive_is_refused() -> None:
    """A single array, and a pickle, even with the right checksum."""
    for save in (lambda file: np.save(file, np.arange(3)), lambda file: file.write(pickle.dumps({"a": 1}))):
        packed = io.BytesIO()
        save(packed)
        content = hashlib.sha256(packed.getvalue()).hexdigest().encode() + b"\n" + packed.getvalue()
        with pytest.raises(SnapshotError, match="cannot be read"):
            snapshots.read(content, "the other's")

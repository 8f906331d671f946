"""Model folders: verified, newest first, never taken away by a damaged upload."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helios.models.stores import ModelStore
from tests.models.builders import edit, flip, load, put, put_bundle, put_fleet, replace_file, rewrite

__all__ = ["put"]


@pytest.fixture
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package ships."""
    return put_bundle(tmp_path_factory.mktemp("bundled"))


def test_without_a_folder_the_bundled_model_is_used(tmp_path: Path, bundled: Path) -> None:
    """A path that is not there at all falls back to what the package ships, and says so."""
    for path in (None, tmp_path / "nothing"):
        store = load(path, bundled)
        assert {"baseline": "bundled"} == {name: model.source for name, model in store.models.items()}
        assert () == store.problems


def test_a_folder_of_ones_own_is_used(tmp_path: Path, bundled: Path) -> None:
    """A model in the path is loaded from there."""
    put(tmp_path)
    model = load(tmp_path, bundled).models["baseline"]
    assert (str(tmp_path / "baseline"), 1000.0) == (model.source, model.loaded_at)


def test_the_bundled_reference_stands_in_where_the_path_has_a_fleet_alone(
    tmp_path: Path, bundled: Path
) -> None:
    """One who trained a fleet model and points at it does not lose the API."""
    put_fleet(tmp_path)
    store = load(tmp_path, bundled)
    assert ({"baseline": "bundled"}, ()) == ({n: m.source for n, m in store.models.items()}, store.problems)


@pytest.mark.parametrize("name", ["x" * 5000, "\0"], ids=["too long", "no path"])
def test_a_path_that_cannot_be_looked_at_is_a_fault(tmp_path: Path, bundled: Path, name: str) -> None:
    """It is told, not raised, and not papered over by the bundled model."""
    store = load(tmp_path / name, bundled)
    assert ({}, 1) == (store.models, len(store.problems))
    assert str(tmp_path) in store.problems[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_path_behind_a_closed_door_is_a_fault(tmp_path: Path, bundled: Path) -> None:
    """A folder without permission is told."""
    tmp_path.chmod(0)
    store = load(tmp_path / "models", bundled)
    tmp_path.chmod(0o700)
    assert "Permission denied" in store.problems[0]


@pytest.mark.parametrize("inside", ["", "lost+found", ".snapshot"])
def test_a_folder_without_models_is_a_fault(tmp_path: Path, bundled: Path, inside: str) -> None:
    """A path that is there and holds nothing is not papered over by the bundled model."""
    (tmp_path / inside).mkdir(exist_ok=True)
    store = load(tmp_path, bundled)
    assert {} == store.models
    assert str(tmp_path) in store.problems[0]


def test_the_newest_version_is_newest_by_number(tmp_path: Path, bundled: Path) -> None:
    """1.10.0 is newer than 1.9.0, and a folder of another name is no version."""
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        put(tmp_path, version)
    (tmp_path / "baseline" / "old-backup").mkdir()
    assert "1.10.0" == load(tmp_path, bundled).models["baseline"].version


def _pickle(folder: Path) -> None:
    rewrite(folder, levels=np.array([{"a": 1}], dtype=object))


DAMAGE: list[Any] = [
    pytest.param(flip, "SHA-256", id="one bit"),
    pytest.param(lambda f: (f / "arrays.npz").unlink(), "No such file", id="a file is missing"),
    pytest.param(lambda f: (f / "metadata.json").unlink(), "metadata.json: No such file", id="no metadata"),
    pytest.param(lambda f: (f / "metadata.json").write_text("{"), "Invalid JSON", id="cut off"),
    pytest.param(lambda f: edit(f, step_seconds=-1), "step_seconds", id="nonsense in the metadata"),
    pytest.param(
        lambda f: edit(f, format="xgboost/1"),
        "loads 'helios-reference/1', 'helios-forecaster/1', 'helios-expectations/1' and 'helios-snapshots/1' only",
        id="another kind",
    ),
    pytest.param(lambda f: edit(f, version="2.0.0"), "it says baseline 2.0.0", id="another version"),
    pytest.param(lambda f: edit(f, files={"../../secret": "0"}), "own folder", id="a way out of the folder"),
    pytest.param(lambda f: edit(f, files={}), "does not name arrays.npz", id="no files"),
    pytest.param(_pickle, "pickle", id="a pickle"),
    pytest.param(lambda f: rewrite(f, levels=np.array(["a"])), "arrays.npz", id="text"),
    pytest.param(lambda f: rewrite(f, cpu_ratios=None), "cpu_ratios is missing", id="no array"),
    pytest.param(lambda f: rewrite(f, cpu_tail=np.array(np.nan)), "not finite", id="NaN"),
    pytest.param(lambda f: rewrite(f, cpu_tail=np.array(0.0)), "above 0", id="no tail"),
    pytest.param(lambda f: rewrite(f, cpu_ratios=np.ones((3, 9))), "shape", id="shapes differ"),
    pytest.param(lambda f: rewrite(f, levels=np.arange(9) / 10), "0.1, 0.5 and 0.9", id="levels"),
    pytest.param(
        lambda f: rewrite(f, cpu_ratios=np.ones((3, 9)), cpu_reached=np.ones((3, 9))), "288", id="short"
    ),
    pytest.param(lambda f: rewrite(f, memory_values=np.arange(25)[::-1]), "rise", id="falling"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGE)
def test_a_damaged_folder_is_not_loaded(
    tmp_path: Path, bundled: Path, damage: Callable[[Path], Any], words: str
) -> None:
    """Whatever is wrong with a folder: no model, and a problem that names the file and the fault."""
    folder = put(tmp_path)
    damage(folder)
    store = load(tmp_path, bundled)
    assert {} == store.models
    (problem,) = store.problems
    assert words in problem
    assert str(folder) in problem


def test_bytes_that_are_no_archive_are_not_loaded(tmp_path: Path, bundled: Path) -> None:
    """A file whose sum is right and which is something else is refused, too."""
    replace_file(put(tmp_path), "arrays.npz", b"PK\x03\x04 no archive")
    store = load(tmp_path, bundled)
    assert ({}, 1) == (store.models, len(store.problems))


def test_an_older_version_stands_in_for_a_damaged_one(tmp_path: Path, bundled: Path) -> None:
    """A damaged newest version leaves the one before in force, and the problem is told."""
    put(tmp_path, "1.0.0")
    flip(put(tmp_path, "1.1.0"))
    store = load(tmp_path, bundled)
    assert "1.0.0" == store.models["baseline"].version
    assert "1.1.0" in store.problems[0]


def test_a_new_version_is_taken_up_after_the_interval(tmp_path: Path, bundled: Path) -> None:
    """A newer version is found when the interval has passed, not before."""
    put(tmp_path, "1.0.0")
    store = load(tmp_path, bundled, now=1000)
    put(tmp_path, "1.1.0")
    assert not store.refresh(4599)
    assert "1.0.0" == store.models["baseline"].version
    assert store.refresh(4600)
    assert ("1.1.0", 4600) == (store.models["baseline"].version, store.models["baseline"].loaded_at)


def test_the_old_model_stays_where_the_new_one_fails(tmp_path: Path, bundled: Path) -> None:
    """A broken upload, an emptied folder or a lost volume never takes a working model away."""
    put(tmp_path / "models", "1.0.0")
    store = load(tmp_path / "models", bundled, now=0)
    before = store.models["baseline"]
    flip(put(tmp_path / "models", "2.0.0"))
    assert store.refresh(3600)
    assert (before, 1) == (store.models["baseline"], len(store.problems))
    shutil.rmtree(tmp_path / "models")
    assert store.refresh(7200)
    assert before is store.models["baseline"]
    assert "No such file" in store.problems[0]


def test_a_clock_that_steps_back_does_not_stop_the_refreshing(tmp_path: Path, bundled: Path) -> None:
    """After the clock went back by a day the store looks again at once."""
    put(tmp_path)
    store = load(tmp_path, bundled, now=100_000)
    assert store.refresh(10_000)


def test_other_models_do_not_hinder_each_other(tmp_path: Path, bundled: Path) -> None:
    """A model of a kind that cannot be loaded is a problem of its own."""
    put(tmp_path)
    edit(put(tmp_path, name="prophet"), format="prophet/1")
    store = load(tmp_path, bundled)
    assert ["baseline"] == list(store.models)
    assert "prophet" in store.problems[0]


def test_what_was_not_looked_for_is_nothing() -> None:
    """Before the first look there is neither a model nor a problem."""
    store = ModelStore(None)
    assert ({}, {}, ()) == (store.models, store.forecasters, store.problems)

"""Folders of what is expected: of a metric beside its companions, and of one service's snapshots."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helios.models.folders import LoadedExpectations, LoadedSnapshots, load_folder
from helios.models.stores import ModelStore
from helios.models.writers import write_expectations, write_snapshots
from tests.models.builders import (
    NOW,
    ORIGIN,
    edit,
    flip,
    load,
    put,
    put_bundle,
    put_expectations,
    put_snapshots,
    replace_file,
    rewrite,
)
from tests.scoring.snapshots import KNOWN, learned

SNAPSHOT = {"cpu_utilization": 0.7, "db_connections": 20.0}


@pytest.fixture
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package ships, without expectations."""
    return put_bundle(tmp_path_factory.mktemp("bundled"))


def score(store: ModelStore) -> float:
    """Of `SNAPSHOT`, by the model in force."""
    assert store.snapshots is not None
    verdict = store.snapshots.snapshots.judge(SNAPSHOT, (), 12.0)
    assert verdict is not None
    return verdict.score


def test_what_was_learned_of_snapshots_judges_as_before(tmp_path: Path, bundled: Path) -> None:
    """Written, verified and read, it gives the same verdict, and none of it is a pickle."""
    folder = put_snapshots(tmp_path)
    store = load(tmp_path, bundled)
    verdict = learned().judge(SNAPSHOT, (), 12.0)
    assert verdict is not None
    assert verdict.score == score(store)
    assert ["arrays.npz", *sorted(f"{name}.ubj" for name in KNOWN), "metadata.json"] == sorted(
        file.name for file in folder.iterdir()
    )
    assert () == store.problems


def test_equal_snapshots_give_equal_files(tmp_path: Path) -> None:
    """Byte for byte; only the metadata holds the time."""
    one = write_snapshots(tmp_path / "a", learned(), ORIGIN, now=NOW)
    other = write_snapshots(tmp_path / "b", learned(), ORIGIN, now=NOW + 60)
    for file in ("arrays.npz", "cpu_utilization.ubj"):
        assert (one / file).read_bytes() == (other / file).read_bytes()


def test_a_version_is_never_written_over_another(tmp_path: Path) -> None:
    """The next one stands beside it."""
    folders = [write_snapshots(tmp_path, learned(), ORIGIN, now=NOW) for _ in range(2)]
    assert ["1.0.0", "1.1.0"] == [folder.name for folder in folders]


def test_what_was_learned_of_one_metric_comes_back(tmp_path: Path) -> None:
    """There is nothing to join, and that is no fault."""
    whole = learned()
    one = type(whole)(
        KNOWN[:1],
        {KNOWN[0]: whole.ensembles[KNOWN[0]]},
        whole.centre[:1],
        whole.scale[:1],
        {name: spreads[:1] for name, spreads in whole.residuals.items()},
        whole.levels[:1],
        ((), ()),
    )
    folder = write_snapshots(tmp_path, one, ORIGIN, now=NOW)
    loaded = load_folder(folder, source="here", now=NOW)
    assert isinstance(loaded, LoadedSnapshots)
    assert KNOWN[:1] == loaded.snapshots.known


def test_expectations_come_back_as_they_were(tmp_path: Path) -> None:
    """The ensemble, how far off it may be, and the inputs that it reads."""
    loaded = load_folder(put_expectations(tmp_path), source="here", now=NOW)
    assert isinstance(loaded, LoadedExpectations)
    again = load_folder(
        write_expectations(tmp_path / "b", loaded.expectations, ORIGIN, now=NOW), source="here", now=NOW
    )
    assert isinstance(again, LoadedExpectations)
    assert loaded.expectations.ensemble == again.expectations.ensemble
    assert loaded.expectations.spread is not None
    assert again.expectations.spread is not None
    assert np.array_equal(loaded.expectations.spread.values, again.expectations.spread.values)
    assert 5 == len(again.expectations.joint)


def test_a_new_version_counts_at_once(tmp_path: Path, bundled: Path) -> None:
    """Snapshots are judged by the newest, as soon as it has been looked for."""
    put(tmp_path)
    store = load(tmp_path, bundled, now=0)
    assert store.snapshots is None
    put_snapshots(tmp_path, "1.0.0")
    store.refresh(3600)
    assert store.snapshots is not None
    assert "1.0.0" == store.snapshots.version
    put_snapshots(tmp_path, "1.1.0")
    store.refresh(7200)
    assert "1.1.0" == store.snapshots.version
    assert ["baseline", "fleet", "xgboost"] == [model.name for model in store.listed()]


def test_a_damaged_upload_does_not_take_a_model_away(tmp_path: Path, bundled: Path) -> None:
    """The one before stays in force, and the problem is told."""
    put_snapshots(tmp_path, "1.0.0")
    store = load(tmp_path, bundled, now=0)
    flip(put_snapshots(tmp_path, "1.1.0"))
    store.refresh(3600)
    assert store.snapshots is not None
    assert "1.0.0" == store.snapshots.version
    assert "SHA-256" in store.problems[0]


def test_damaged_expectations_fall_back_to_the_bundled(tmp_path: Path) -> None:
    """The loop goes on, and the problem is told."""
    flip(put_expectations(tmp_path))
    store = ModelStore(tmp_path)
    store.refresh(0)
    assert store.expecting is not None
    assert "bundled" == store.expecting.source
    assert store.expectations() is store.expecting.expectations
    assert "SHA-256" in store.problems[0]


def test_without_any_there_are_no_expectations(tmp_path: Path, bundled: Path) -> None:
    """None, and no problem: the detector has other channels."""
    assert load(tmp_path / "nothing", bundled).expectations() is None


DAMAGE: list[Any] = [
    pytest.param(flip, "SHA-256", id="one bit"),
    pytest.param(lambda f: edit(f, known=[]), "must name metrics", id="no metric"),
    pytest.param(lambda f: edit(f, known=[*KNOWN, KNOWN[0]]), "each once", id="a metric twice"),
    pytest.param(
        lambda f: edit(f, known=[*KNOWN, "db_cpu"]), "does not name db_cpu.ubj", id="a metric too many"
    ),
    pytest.param(lambda f: replace_file(f, "cpu_utilization.ubj", b"\x80\x04."), "UBJ", id="a pickle"),
    pytest.param(lambda f: rewrite(f, scale=np.zeros(3)), "not above 0", id="no scale"),
    pytest.param(lambda f: rewrite(f, centre=np.array([0, np.nan, 1])), "not finite", id="NaN"),
    pytest.param(lambda f: rewrite(f, others_values=None), "others_values is missing", id="no spread"),
    pytest.param(lambda f: rewrite(f, past_tails=np.zeros((3, 2))), "not above 0", id="no tail"),
    pytest.param(lambda f: rewrite(f, hour_values=np.ones((3, 7))), "shape", id="another shape"),
    pytest.param(
        lambda f: rewrite(f, levels_values=np.tile(np.arange(25.0)[::-1], (3, 1))), "rise", id="falling"
    ),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGE)
def test_a_damaged_folder_is_not_loaded(
    tmp_path: Path, bundled: Path, damage: Callable[[Path], Any], words: str
) -> None:
    """Whatever is wrong with it: no model, a problem that names folder and fault, and the others are in force."""
    folder = put_snapshots(tmp_path)
    damage(folder)
    store = load(tmp_path, bundled)
    assert store.snapshots is None
    assert ["baseline", "fleet"] == [model.name for model in store.listed()]
    assert any(words in problem and str(folder) in problem for problem in store.problems)


def test_expectations_of_other_inputs_are_not_loaded(tmp_path: Path) -> None:
    """An ensemble of another version of Helios is refused, and the input that differs is named."""
    folder = put_expectations(tmp_path)
    inputs = json.loads((folder / "metadata.json").read_text())["inputs"]
    edit(folder, inputs=["weather", *inputs[1:]])
    store = ModelStore(tmp_path)
    store.refresh(0)
    assert "(level, weather): train it anew" in store.problems[0]

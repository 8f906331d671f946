"""What was learned from fleets: loaded with the same care, and never lost to a folder that holds something else."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helios.models.files import LARGEST
from helios.models.folders import LoadedForecaster
from helios.models.stores import ModelStore
from tests.models.builders import (
    NOW,
    SOURCE,
    edit,
    flip,
    learned,
    load,
    put,
    put_bundle,
    put_fleet,
    replace_file,
    rewrite,
    tiny_booster,
    weight_of,
)

BUNDLED_WEIGHT = 0.25


@pytest.fixture
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package ships."""
    return put_bundle(tmp_path_factory.mktemp("bundled"))


def test_what_was_learned_comes_back_as_it_was(tmp_path: Path, bundled: Path) -> None:
    """Arrays and booster are the same bytes after writing and loading."""
    put_fleet(tmp_path, weight=0.75, booster=tiny_booster())
    models = load(tmp_path, bundled).learned()
    assert tiny_booster() == models.booster
    wanted = learned(0.75).network
    assert {n: (a.dtype, a.tolist()) for n, a in wanted.items()} == {
        n: (a.dtype, a.tolist()) for n, a in models.network.items()
    }


def test_a_booster_that_was_stored_forecasts_as_before(tmp_path: Path, bundled: Path) -> None:
    """XGBoost loads the stored bytes and answers with the same numbers."""
    xgboost = pytest.importorskip("xgboost")
    put_fleet(tmp_path, booster=tiny_booster())
    booster = xgboost.Booster()
    booster.load_model(bytearray(load(tmp_path, bundled).learned().booster or b""))
    before = xgboost.Booster()
    before.load_model(bytearray(tiny_booster()))
    inputs = xgboost.DMatrix(np.array([[1.0], [18.0]], np.float32))
    answer = booster.predict(inputs).tolist()
    assert before.predict(inputs).tolist() == answer
    assert answer[0] < answer[1]


def test_the_metadata_tells_what_it_was_made_of(tmp_path: Path, bundled: Path) -> None:
    """Sources, settings, figures, time and libraries stand in the loaded model."""
    put_fleet(tmp_path)
    metadata = load(tmp_path, bundled).forecasters["fleet"].metadata
    assert ((SOURCE,), {"seed": 7}, {"wql": 0.25}) == (metadata.sources, metadata.settings, metadata.metrics)
    assert {"shop": {"wql": 0.25}} == metadata.held_out
    assert "2027-01-15T08:00:00Z" == metadata.created_at
    assert np.__version__ == metadata.libraries["numpy"]


def _own(root: Path) -> None:
    put_fleet(root, weight=0.5)


def _damaged(root: Path) -> None:
    flip(put_fleet(root))


def _older(root: Path) -> None:
    put_fleet(root, "1.9.0", weight=0.5)
    flip(put_fleet(root, "1.10.0", weight=0.75))


def _newer(root: Path) -> None:
    put_fleet(root, "1.9.0", weight=0.5)
    put_fleet(root, "1.10.0", weight=0.75)


@pytest.mark.parametrize(
    ("made", "weight", "problems"),
    [
        pytest.param(put, BUNDLED_WEIGHT, 0, id="a reference alone: the bundled"),
        pytest.param(_own, 0.5, 0, id="a fleet alone: its own"),
        pytest.param(_newer, 0.75, 0, id="two: the newer by number"),
        pytest.param(_older, 0.5, 1, id="the newer damaged: the older, and a problem"),
        pytest.param(_damaged, BUNDLED_WEIGHT, 1, id="all damaged: the bundled, and a problem"),
        pytest.param(Path.exists, BUNDLED_WEIGHT, 1, id="nothing: the bundled, and a problem"),
    ],
)
def test_forecasters_get_the_best_that_there_is(
    tmp_path: Path, bundled: Path, made: Callable[[Path], Any], weight: float, problems: int
) -> None:
    """The path's newest intact version; whatever the path lacks, the bundled one is not lost."""
    made(tmp_path)
    store = load(tmp_path, bundled)
    assert (weight, problems) == (weight_of(store.learned()), len(store.problems))


def test_without_any_there_is_none_and_a_problem(tmp_path: Path) -> None:
    """A package without its bundle forecasts all the same, and says what is missing."""
    put(tmp_path / "bundled")
    store = load(None, tmp_path / "bundled")
    assert (None, None) == (weight_of(store.learned()), store.learned().booster)
    assert "no model named fleet" in store.problems[0]


def test_a_damaged_upload_does_not_take_a_trained_model_away(tmp_path: Path, bundled: Path) -> None:
    """Neither a broken new version nor an emptied folder brings the bundled one back."""
    put_fleet(tmp_path, weight=0.5)
    store = load(tmp_path, bundled, now=0)
    flip(put_fleet(tmp_path, "2.0.0"))
    shutil.rmtree(tmp_path / "fleet" / "1.0.0")
    assert store.refresh(3600)
    assert (0.5, 1) == (weight_of(store.learned()), len(store.problems))
    shutil.rmtree(tmp_path)
    assert store.refresh(7200)
    assert 0.5 == weight_of(store.learned())


def test_a_model_of_ones_own_replaces_the_bundled_one_when_it_comes(tmp_path: Path, bundled: Path) -> None:
    """Training into a watched folder takes effect at the next look, without a restart."""
    put(tmp_path)
    store = load(tmp_path, bundled, now=0)
    put_fleet(tmp_path, weight=0.5)
    assert store.refresh(3600)
    assert (0.5, str(tmp_path / "fleet")) == (
        weight_of(store.learned()),
        store.forecasters["fleet"].source,
    )


def test_both_kinds_are_listed(tmp_path: Path, bundled: Path) -> None:
    """Name, version, source, time and figures are there for each, whatever its kind."""
    put_fleet(tmp_path, "1.4.0")
    listed = [
        (m.name, m.version, m.source, m.metadata.created_at[:4], isinstance(m, LoadedForecaster))
        for m in load(tmp_path, bundled).listed()
    ]
    assert [
        ("baseline", "1.0.0", "bundled", "2026", False),
        ("fleet", "1.4.0", str(tmp_path / "fleet"), "2027", True),
    ] == listed


def _bomb(folder: Path) -> None:
    with zipfile.ZipFile(folder / "arrays.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("out.npy", bytes(LARGEST + 1))
    replace_file(folder, "arrays.npz", (folder / "arrays.npz").read_bytes())


def _no_source(folder: Path) -> None:
    edit(folder, sources=[{"name": "somewhere"}])


DAMAGE: list[Any] = [
    pytest.param(flip, "SHA-256", id="one bit"),
    pytest.param(lambda f: (f / "booster.ubj").unlink(), "booster.ubj: No such file", id="no booster"),
    pytest.param(lambda f: rewrite(f, out=np.array([np.inf], np.float32)), "not finite", id="infinity"),
    pytest.param(lambda f: rewrite(f, out=np.zeros(2)), "float64 and not float32", id="another type"),
    pytest.param(lambda f: rewrite(f, out=np.array([{}], object)), "pickle", id="a pickle"),
    pytest.param(lambda f: rewrite(f, trunk_1=None), "of another version of Helios", id="a layer is missing"),
    pytest.param(lambda f: replace_file(f, "booster.ubj", b'{"a": 1}'), "no XGBoost model", id="no UBJ"),
    pytest.param(lambda f: edit(f, levels=[0.1, 0.5, 0.9]), "train it anew", id="other quantiles"),
    pytest.param(_no_source, "sources.0.licence", id="a source without licence"),
    pytest.param(lambda f: edit(f, metrics={"wql": float("nan")}), "metrics.wql", id="a figure that is none"),
    pytest.param(_bomb, "at most", id="an archive that unpacks to too much"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGE)
def test_a_damaged_forecaster_is_not_loaded(
    tmp_path: Path, bundled: Path, damage: Callable[[Path], Any], words: str
) -> None:
    """Whatever is wrong with a folder, it is not forecast with, and the problem names the folder and the fault."""
    folder = put_fleet(tmp_path, booster=tiny_booster())
    damage(folder)
    store = load(tmp_path, bundled)
    assert "bundled" == store.forecasters["fleet"].source
    (problem,) = store.problems
    assert words in problem
    assert str(folder) in problem


def test_a_folder_that_holds_nothing_learned_is_not_loaded(tmp_path: Path, bundled: Path) -> None:
    """Neither a network nor a booster is no model."""
    rewrite(put_fleet(tmp_path), **dict.fromkeys(learned().network))
    assert "neither a network nor a booster" in load(tmp_path, bundled).problems[0]


def test_a_newer_writer_may_say_more(tmp_path: Path, bundled: Path) -> None:
    """Members and sources' members that this version does not know are left alone."""
    folder = put_fleet(tmp_path, weight=0.5)
    edit(folder, promoted_by="a later version", sources=[SOURCE.model_dump() | {"url": "elsewhere"}])
    assert 0.5 == weight_of(load(tmp_path, bundled).learned())


def test_a_look_does_not_read_what_is_in_force_again(tmp_path: Path, bundled: Path) -> None:
    """An hourly look over an unchanged folder keeps the very same model."""
    put_fleet(tmp_path)
    store: ModelStore = load(tmp_path, bundled, now=NOW)
    before = store.forecasters["fleet"]
    assert store.refresh(NOW + 3600)
    assert before is store.forecasters["fleet"]
    assert "fleet" == json.loads((tmp_path / "fleet" / "1.0.0" / "metadata.json").read_text())["name"]

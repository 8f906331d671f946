"""Writing a version: whole or not at all, beside what is there, with bytes that can be compared."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import numpy as np
import pytest

from helios.errors import ModelError
from helios.models.folders import ForecasterMetadata, load_folder, read_metadata
from helios.models.writers import next_version, write_version
from scoring.forecasting.learned import Models
from tests.models.builders import NOW, ORIGIN, flip, learned, names, tiny_booster


@pytest.mark.parametrize(
    ("there", "above", "wanted"),
    [
        pytest.param([], "", "1.0.0", id="the first"),
        pytest.param(["1.0.0"], "", "1.1.0", id="the second"),
        pytest.param(["1.9.0", "1.10.0"], "", "1.11.0", id="by number"),
        pytest.param(["1.0.0"], "3.2.1", "3.3.0", id="after the base"),
        pytest.param(["4"], "3.2.1", "4.1.0", id="after a short one"),
        pytest.param(["old-backup", ".writing-1"], "", "1.0.0", id="what is no version does not count"),
    ],
)
def test_the_next_version_follows_all_others(
    tmp_path: Path, there: list[str], above: str, wanted: str
) -> None:
    """Nothing that is there is ever written over."""
    for version in there:
        (tmp_path / version).mkdir()
    assert wanted == next_version(tmp_path, above=above)


def test_a_damaged_version_keeps_its_number(tmp_path: Path) -> None:
    """A version that cannot be loaded is not replaced: somebody may still want to look at it."""
    first = write_version(tmp_path, learned(), ORIGIN, now=NOW)
    flip(first)
    second = write_version(tmp_path, learned(), ORIGIN, now=NOW)
    assert ["1.0.0", "1.1.0"] == [first.name, second.name]
    assert ["1.0.0", "1.1.0"] == names(first.parent)


def test_what_is_written_can_be_loaded(tmp_path: Path) -> None:
    """The folder passes all the checks of loading and says which version it is."""
    folder = write_version(tmp_path, learned(booster=tiny_booster()), ORIGIN, now=NOW, above="1.4.0")
    model = load_folder(folder, source="here", now=NOW)
    assert ("fleet", "1.5.0") == (model.name, model.version)
    assert ["arrays.npz", "booster.ubj", "metadata.json"] == names(folder)


def test_equal_models_give_equal_bytes(tmp_path: Path) -> None:
    """Arrays and booster are the same files at another time and in another order; only the metadata tells them apart."""
    models = learned(booster=tiny_booster())
    turned = Models(dict(reversed(models.network.items())), models.booster)
    one = write_version(tmp_path / "a", models, ORIGIN, now=NOW)
    other = write_version(tmp_path / "b", turned, ORIGIN, now=NOW + 3600)
    for name in ("arrays.npz", "booster.ubj"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    dates = {read_metadata(folder).created_at for folder in (one, other)}
    assert {"2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z"} == dates


def test_the_metadata_names_the_libraries(tmp_path: Path) -> None:
    """Whoever wants the same bytes again knows what to install."""
    metadata = read_metadata(write_version(tmp_path, learned(), ORIGIN, now=NOW))
    assert isinstance(metadata, ForecasterMetadata)
    assert {"helios-autoscaler", "numpy", "python"} <= metadata.libraries.keys()


def test_others_may_read_what_was_written(tmp_path: Path) -> None:
    """The folder has the permissions of any other: the pod that serves it is another user."""
    folder = write_version(tmp_path, learned(), ORIGIN, now=NOW)
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "plain").stat().st_mode == folder.stat().st_mode


def test_writers_at_one_time_do_not_overwrite_each_other(tmp_path: Path) -> None:
    """Of four that write at once each gets a version of its own, and nothing else is left behind."""
    found: list[tuple[str, float]] = []

    def write(weight: float) -> None:
        folder = write_version(tmp_path, learned(weight), ORIGIN, now=NOW)
        found.append((folder.name, weight))

    writers = [threading.Thread(target=write, args=(0.1 * k,)) for k in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    versions = [version for version, _ in found]
    assert ["1.0.0", "1.1.0", "1.2.0", "1.3.0"] == sorted(versions) == names(tmp_path / "fleet")
    for version, weight in found:
        model = load_folder(tmp_path / "fleet" / version, source="here", now=NOW)
        assert np.float32(weight) == model.models.network["out"][0, 0]  # type: ignore[union-attr] # a fleet


@pytest.mark.parametrize(
    ("models", "words"),
    [
        pytest.param(Models.none(), "nothing was learned", id="nothing"),
        pytest.param(Models({"hidden": np.array([np.nan], np.float32)}), r"not finite \(hidden\)", id="NaN"),
    ],
)
def test_what_could_not_be_loaded_is_not_written(tmp_path: Path, models: Models, words: str) -> None:
    """A training that went wrong leaves no folder."""
    with pytest.raises(ModelError, match=words):
        write_version(tmp_path, models, ORIGIN, now=NOW)
    assert [] == names(tmp_path)


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    """A model's name is no path."""
    with pytest.raises(ModelError, match="use a-z"):
        write_version(tmp_path, learned(), ORIGIN, now=NOW, name="../fleet")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The message names the folder and what is wrong with it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=rf"{re.escape(str(tmp_path / 'file'))}.*cannot be written"):
        write_version(tmp_path / "file", learned(), ORIGIN, now=NOW)

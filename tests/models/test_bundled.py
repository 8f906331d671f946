"""What the package ships: a trace that is what it says, and a model that is made of it."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import itertools
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from helios.models.folders import LoadedForecaster
from helios.models.forecasters import FLEET
from helios.models.stores import BUNDLED, ModelStore

ROOT = Path(__file__).parents[2]
DEMOS = ROOT / "helios" / "demos"
STEP = timedelta(seconds=300)


def script(name: str) -> ModuleType:
    """A script of the repository as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """The bundled trace."""
    with gzip.open(DEMOS / "trace.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_trace_is_an_even_grid_of_twelve_days(rows: list[dict[str, str]]) -> None:
    """3,456 rows of five minutes, on the grid, in UTC."""
    times = [datetime.fromisoformat(row["timestamp"]) for row in rows]
    assert 3456 == len(times)
    assert {STEP} == {later - earlier for earlier, later in itertools.pairwise(times)}
    assert 0 == times[0].timestamp() % 300


def test_the_trace_has_the_real_columns(rows: list[dict[str, str]]) -> None:
    """Ten real columns; Alibaba's are empty before it was observed, nothing is zero-filled."""
    filled = {name: sum(bool(row[name]) for row in rows) for name in rows[0] if name != "timestamp"}
    assert {"azure": 2, "google": 3, "alibaba": 5} == {
        source: sum(name.startswith(f"{source}_") for name in filled)
        for source in ("azure", "google", "alibaba")
    }
    assert {3456, 2243} == set(filled.values())
    assert {2243} == {count for name, count in filled.items() if name.startswith("alibaba_")}
    assert all(row["alibaba_net_out"] for row in rows[-2243:])


def test_the_trace_is_small_and_its_licence_lies_beside_it() -> None:
    """Less than 150 KB, with licence and original sources named."""
    assert (DEMOS / "trace.csv.gz").stat().st_size < 150_000
    licence = (DEMOS / "LICENSE").read_text()
    for words in (
        "BSD License",
        "MIT licence",
        "cluster-trace-v2018",
        "CC-BY 4.0",
        "Azure Public Dataset V2",
    ):
        assert words in licence


def test_the_bundled_model_is_what_the_script_makes(tmp_path: Path) -> None:
    """The committed model is, byte for byte, what the committed script derives from the committed trace."""
    make = script("make_reference")
    make.write_model(tmp_path, DEMOS / "trace.csv.gz")
    for name in ("arrays.npz", "metadata.json"):
        assert (BUNDLED / "baseline" / make.VERSION / name).read_bytes() == (tmp_path / name).read_bytes()


def fleet() -> LoadedForecaster:
    """The bundled fleet model, loaded as a process without a folder of its own does."""
    store = ModelStore(None)
    store.refresh(0.0)
    assert () == store.problems
    return store.forecasters[FLEET]


def test_one_intact_fleet_model_is_bundled_and_small() -> None:
    """It holds a booster, takes a few megabytes, and no older version makes the package larger."""
    folders = list((BUNDLED / FLEET).iterdir())
    assert [fleet().version] == [folder.name for folder in folders]
    assert fleet().models.booster
    assert sum(file.stat().st_size for file in folders[0].iterdir()) < 12 * 2**20


def test_the_bundled_fleet_model_may_be_shared() -> None:
    """Every source that it was trained on has a licence that allows it, and stands in the licence file."""
    sources = fleet().metadata.sources
    assert {source.licence for source in sources} <= {"MIT", "Apache-2.0", "CC-BY-4.0"}
    assert not {source.kin for source in sources} & {"materna", "alibaba", ""}
    text = (BUNDLED / "LICENSE").read_text()
    assert [] == [source.name for source in sources if source.name not in text]


def test_the_bundled_expectations_may_be_shared_and_are_small() -> None:
    """One version, of sources that the licence file names, and no machine that it is judged on is among them."""
    store = ModelStore(None)
    store.refresh(0.0)
    assert store.expecting is not None
    metadata = store.expecting.metadata
    folders = list((BUNDLED / "expectations").iterdir())
    assert [metadata.version] == [folder.name for folder in folders]
    assert sum(file.stat().st_size for file in folders[0].iterdir()) < 2**20
    assert {source.licence for source in metadata.sources} <= {"MIT", "Apache-2.0", "CC-BY-4.0"}
    text = (BUNDLED / "LICENSE").read_text()
    assert [] == [source.name for source in metadata.sources if source.name not in text]
    assert metadata.libraries["xgboost"] == fleet().metadata.libraries["xgboost"]


def test_the_bundled_expectations_beat_what_costs_nothing_where_they_never_were() -> None:
    """On every kin that was left out: better than persistence, and than a ridge on the same inputs."""
    store = ModelStore(None)
    store.refresh(0.0)
    assert store.expecting is not None
    for kin, found in store.expecting.metadata.held_out.items():
        assert found["error_over_persistence"] < 1, kin
        assert found["error_over_persistence"] < found["ridge_over_persistence"], kin


def test_the_bundled_booster_is_of_the_oldest_xgboost_and_loads_on_this_one() -> None:
    """Newer versions read what older ones wrote: the floor of pyproject.toml wrote it."""
    xgboost = pytest.importorskip("xgboost")
    floor = re.search(r'"xgboost-cpu>=(\d+\.\d+)', (ROOT / "pyproject.toml").read_text())
    assert floor is not None
    assert fleet().metadata.libraries["xgboost"].startswith(f"{floor[1]}.")
    booster = xgboost.Booster()
    booster.load_model(bytearray(fleet().models.booster or b""))
    assert booster.num_boosted_rounds() > 0


def test_rounding_keeps_five_digits() -> None:
    """The trace's values are rounded, never written with an exponent."""
    make = script("make_trace")
    cells = ("6135515.87712279", "44.161558436476625", "0.000123456", "")
    assert ["6135500", "44.162", "0.00012346", ""] == [make.round_text(cell) for cell in cells]

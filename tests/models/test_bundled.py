"""What the package ships: a trace that is what it says, and a model that is made of it."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import itertools
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from helios.models.stores import BUNDLED

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


def test_rounding_keeps_five_digits() -> None:
    """The trace's values are rounded, never written with an exponent."""
    make = script("make_trace")
    cells = ("6135515.87712279", "44.161558436476625", "0.000123456", "")
    assert ["6135500", "44.162", "0.00012346", ""] == [make.round_text(cell) for cell in cells]

"""The public fleets that the bundled model is made of: licences, kin, and forms of files."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
from pathlib import Path

import numpy as np
import pytest

from helios.models.folders import ForecasterMetadata, read_metadata
from scripts.fleets import Fleet, kin_of, sources
from tests.evaluation.builders import Shifted
from tests.models.builders import NOW, learned
from tests.models.test_bundled import script

DATA = Path(os.environ.get("HELIOS_DATA", "/work/shared/data"))
KINS = {
    "worldcup98",
    "isp_uk",
    "microsoft",
    "azurefunctions",
    "nab",
    "azurevm",
    "google",
    "azure2019",
    "bitbrains",
    "asd",
    "kpi",
}


@pytest.fixture(scope="module")
def fleets() -> list[Fleet]:
    """All of them, with two machines of Bitbrains."""
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not here: the public fleets are not part of the project")
    return list(sources(DATA, sample=2))


def only(data: Path, kin: str) -> Fleet:
    """The one fleet of a kin."""
    (fleet,) = sources(data, without=KINS - {kin}, sample=3)
    return fleet


def test_every_licence_allows_weights_to_be_shared(fleets: list[Fleet]) -> None:
    """Nothing of Materna, of Alibaba, or of the Bitbrains files that carry no licence."""
    assert {"MIT", "Apache-2.0", "CC-BY-4.0"} == {fleet.licence for fleet in fleets}
    assert KINS == {fleet.kin for fleet in fleets}


def test_every_fleet_is_on_the_grid(fleets: list[Fleet]) -> None:
    """Five minutes, at least a week, no negative demand, and every series has some."""
    for fleet in fleets:
        values = fleet.panel.values
        assert (300.0, 0.0) == (fleet.panel.step, fleet.panel.start % 300)
        assert values.shape[1] >= 2016
        assert not (values < 0).any()
        assert (~np.isnan(values)).any(axis=1).all()


def test_names_and_sums_are_unique(fleets: list[Fleet]) -> None:
    """No fleet is there twice under two names."""
    assert len(fleets) == len({fleet.name for fleet in fleets}) == len({fleet.sha256 for fleet in fleets})
    assert len(fleets) == len({fleet.panel.values.tobytes() for fleet in fleets})


def test_the_licence_file_names_every_fleet(fleets: list[Fleet]) -> None:
    """What the bundled model is derived from, and who is to be credited, lies beside it."""
    text = (Path(__file__).parents[2] / "helios" / "models" / "bundled" / "LICENSE").read_text()
    assert [] == [fleet.name for fleet in fleets if fleet.name not in text]


@pytest.mark.parametrize(
    ("name", "kin"),
    [
        ("cpu_azurevm2017_periodic78_5m.csv.gz", "azurevm"),
        ("cpu_azurevm2017_avg100_5m.csv.gz", "azurevm"),
        ("rr_ms_mongo03_1m", "microsoft"),
        ("ingress-03.csv.gz", "microsoft"),
        ("cpu_bitbrains_fs_201308_active86_5m.csv.gz", "bitbrains"),
        ("bitbrains_fast_storage_5T_cpu_mhz.npy.xz", "bitbrains"),
        ("mem_materna50_5m.csv.gz", "materna"),
        ("my_own.csv", "my_own"),
    ],
)
def test_files_of_one_origin_are_kin(name: str, kin: str) -> None:
    """Leaving a fleet out leaves out all that was measured in the same place."""
    assert kin == kin_of(name)


def test_a_standardised_metric_is_lifted_to_zero(tmp_path: Path) -> None:
    """UNIX times are understood, negative values are moved up, and labels are not read."""
    (tmp_path / "kpi").mkdir()
    content = gzip.compress(b"timestamp,value,label\n600,-1.5,1\n900,0.5,0\n1500,-0.5,0\n")
    (tmp_path / "kpi" / "cpu4.csv.gz").write_bytes(content)
    fleet = only(tmp_path, "kpi")
    assert (600.0, hashlib.sha256(content).hexdigest()) == (fleet.panel.start, fleet.sha256)
    np.testing.assert_array_equal(fleet.panel.values, np.array([[0, 2, np.nan, 1]], np.float32))


def test_servers_lie_beneath_each_other(tmp_path: Path) -> None:
    """Two servers of two metrics are four series, named for both; their test files are not read."""
    (tmp_path / "asd").mkdir()
    for name in ("omi-1_train", "omi-3_train", "omi-3_test"):
        (tmp_path / "asd" / f"{name}.csv.gz").write_bytes(gzip.compress(b"m00,m01\n0.5,1\n0.25,0\n"))
    fleet = only(tmp_path, "asd")
    assert ["omi-1/m00", "omi-1/m01", "omi-3/m00", "omi-3/m01"] == [s.deployment for s in fleet.panel.series]
    assert [[0.5, 0.25], [1, 0], [0.5, 0.25], [1, 0]] == fleet.panel.values.tolist()


def test_machines_are_drawn_with_both_their_series(tmp_path: Path) -> None:
    """Of ten machines three, the same at every run and in both variates."""
    (tmp_path / "gifteval").mkdir()
    stem = tmp_path / "gifteval" / "bitbrains_fast_storage"
    np.save(f"{stem}_epoch_s.npy", 300 * np.arange(4))
    values = np.arange(40, dtype=np.float32).reshape(10, 4)
    for variate in ("cpu_mhz", "cpu_pct"):
        np.save(tmp_path / "plain.npy", values)
        packed = lzma.compress((tmp_path / "plain.npy").read_bytes())
        Path(f"{stem}_5T_{variate}.npy.xz").write_bytes(packed)
    one, other = (only(tmp_path, "bitbrains").panel for _ in range(2))
    assert (6, 4) == one.values.shape
    assert one.values[:3].tolist() == one.values[3:].tolist() == other.values[:3].tolist()
    machines = [series.deployment.split("/")[0] for series in one.series]
    assert machines[:3] == machines[3:] == [f"vm{row[0] / 4:.0f}" for row in one.values[:3]]


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    """The wrong folder is told at once, with the file that is not in it."""
    with pytest.raises(FileNotFoundError, match="cpu4"):
        list(sources(tmp_path, without=KINS - {"kpi"}))


def test_the_script_writes_what_it_was_trained_on(tmp_path: Path) -> None:
    """Licences, sums, kin and sizes of all sources stand in the metadata of the version that is made."""
    (tmp_path / "kpi").mkdir()
    rows = "".join(f"{300 * k},{k % 288},0\n" for k in range(2016))
    (tmp_path / "kpi" / "cpu4.csv.gz").write_bytes(gzip.compress(f"timestamp,value,label\n{rows}".encode()))
    fleet = only(tmp_path, "kpi")
    make = script("make_models")
    folder, _ = make.make(
        [fleet],
        tmp_path / "out",
        seed=5,
        now=NOW,
        train=lambda *_, **__: learned(),
        build=lambda _: Shifted(by=1.0),
    )
    metadata = read_metadata(folder)
    assert isinstance(metadata, ForecasterMetadata)
    (source,) = metadata.sources
    assert ("kpi_cpu4", "MIT", fleet.sha256, 1, 2016, "kpi") == tuple(source.model_dump().values())
    assert ({"seed": 5, "held_out": 0.3}, 300) == (metadata.settings, metadata.step_seconds)
    assert {"kpi_cpu4"} == metadata.held_out.keys()

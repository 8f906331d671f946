"""Model folders for tests: small, of both kinds, and ways to damage them."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from helios.models.forecasters import Source
from helios.models.stores import BUNDLED, ModelStore
from helios.models.writers import Origin, write_snapshots, write_version
from scoring.forecasting.learned import Models
from scoring.forecasting.networks import shapes
from tests.scoring.snapshots import learned as learned_snapshots

SHIPPED = BUNDLED / "baseline" / "1.0.0"
NOW = 1_800_000_000.0
SOURCE = Source(name="shop", licence="MIT", sha256="ab" * 32, series=3, steps=2016)
ORIGIN = Origin(
    step_seconds=300,
    sources=[SOURCE],
    basis="3 series of one shop",
    settings={"seed": 7},
    metrics={"wql": 0.25},
    held_out={"shop": {"wql": 0.25}},
)


@lru_cache(maxsize=1)
def tiny_booster() -> bytes:
    """A real booster of two stumps, as UBJ."""
    import xgboost  # noqa: PLC0415 - takes a second; most tests do without

    inputs = np.arange(20, dtype=np.float32).reshape(-1, 1)
    data = xgboost.DMatrix(inputs, inputs[:, 0])
    return bytes(xgboost.train({"max_depth": 1, "nthread": 1}, data, 2).save_raw("ubj"))


def learned(weight: float = 0.5, *, booster: bytes | None = None) -> Models:
    """A network of two units a layer, all of one weight."""
    arrays = {name: np.full(shape, weight, np.float32) for name, shape in shapes((2, 2, 2, 2)).items()}
    return Models(arrays, booster)


def weight_of(models: Models) -> float | None:
    """Which `learned` it is; None where nothing was learned."""
    return float(models.network["out"][0, 0]) if models.network else None


def put(root: Path, version: str = "1.0.0", name: str = "baseline") -> Path:
    """Copy the bundled reference to `root` under another name and version."""
    folder = root / name / version
    shutil.copytree(SHIPPED, folder)
    edit(folder, name=name, version=version)
    return folder


def put_fleet(
    root: Path, version: str = "1.0.0", *, weight: float = 0.5, booster: bytes | None = None
) -> Path:
    """A folder of what was learned under `root`."""
    made = write_version(root, learned(weight, booster=booster), ORIGIN, now=NOW)
    folder = made.with_name(version)
    if made != folder:
        made.rename(folder)
        edit(folder, version=version)
    return folder


def put_snapshots(root: Path, version: str = "1.0.0") -> Path:
    """A folder of what was learned of one service's snapshots under `root`."""
    made = write_snapshots(root, learned_snapshots(), ORIGIN, now=NOW)
    folder = made.with_name(version)
    if made != folder:
        made.rename(folder)
        edit(folder, version=version)
    return folder


def put_expectations(root: Path) -> Path:
    """A copy of the bundled expectations under `root`."""
    (shipped,) = (BUNDLED / "expectations").iterdir()
    folder = root / "expectations" / "1.0.0"
    shutil.copytree(shipped, folder)
    edit(folder, version="1.0.0")
    return folder


def put_bundle(root: Path) -> Path:
    """What a package ships: one of each kind; the fleet's weight is 0.25."""
    put(root)
    put_fleet(root, weight=0.25)
    return root


def edit(folder: Path, **changes: Any) -> None:
    """Change members of a folder's metadata."""
    path = folder / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def replace_file(folder: Path, name: str, content: bytes) -> None:
    """Change a file of a folder, and its SHA-256 with it."""
    (folder / name).write_bytes(content)
    files = json.loads((folder / "metadata.json").read_text())["files"]
    edit(folder, files=files | {name: hashlib.sha256(content).hexdigest()})


def rewrite(folder: Path, **arrays: Any) -> None:
    """Change arrays of a folder, and its SHA-256 with them; None takes one out."""
    with np.load(folder / "arrays.npz") as file:
        kept = {name: file[name] for name in file.files} | arrays
    packed = io.BytesIO()
    np.savez(packed, **{name: array for name, array in kept.items() if array is not None})
    replace_file(folder, "arrays.npz", packed.getvalue())


def flip(folder: Path) -> None:
    """Turn one bit of the arrays."""
    content = bytearray((folder / "arrays.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "arrays.npz").write_bytes(bytes(content))


def load(path: Path | None, bundled: Path, now: float = 1000.0) -> ModelStore:
    """A store that has looked once."""
    store = ModelStore(path, interval=3600, bundled=bundled)
    assert store.refresh(now)
    return store


def names(folder: Path) -> list[str]:
    """What lies in a folder, in order."""
    return sorted(entry.name for entry in folder.iterdir())

"""The models in force: loaded from a folder, or the bundled ones where the folder has none.

A model that was loaded stays in force until another has been read and verified: a damaged upload never takes a
working model away. Reading is for a thread; `models`, `forecasters`, `snapshots` and `problems` are plain attributes that are
swapped as a whole.
"""

from __future__ import annotations

from pathlib import Path

from helios.errors import ModelError
from helios.models.expectations import EXPECTATIONS
from helios.models.folders import (
    Loaded,
    LoadedExpectations,
    LoadedForecaster,
    LoadedModel,
    LoadedSnapshots,
    load_folder,
    versions_in,
)
from helios.models.forecasters import FLEET
from helios.models.snapshots import SNAPSHOTS
from scoring.anomalies.expectations import Expectations
from scoring.forecasting.learned import Models

BUNDLED = Path(__file__).parent / "bundled"
BUNDLED_SOURCE = "bundled"


class ModelStore:
    """Keeps the newest intact version of each model under `path`.

    A bundled model stands in for a name that the path does not have, so that one may bring a reference alone or a
    fleet model alone. A reference that is there and damaged is a fault and is not papered over, and so is a path that
    is there and holds no model at all; what was trained falls back to the bundled in every case, for the loop goes on,
    and the problem is told.

    Args:
        path: `HELIOS_MODEL_PATH`. Where there is no such path at all, the bundled models are used.
        interval: seconds after which `refresh` looks again (`HELIOS_MODEL_REFRESH_INTERVAL`).
        bundled: the folder of the models that the package ships.

    Attributes:
        models: the references in force, by name: what the stateless API answers from.
        forecasters: the learned models in force, by name.
        expecting: what the detector expects of a metric beside its companions; None: there is none.
        snapshots: what /detect expects of a snapshot's metrics; None: there is none.
        problems: what is wrong with other folders, in words.
    """

    def __init__(self, path: Path | None, *, interval: float = 3600.0, bundled: Path = BUNDLED) -> None:
        self.path = path
        self.interval = interval
        self.models: dict[str, LoadedModel] = {}
        self.forecasters: dict[str, LoadedForecaster] = {}
        self.expecting: LoadedExpectations | None = None
        self.snapshots: LoadedSnapshots | None = None
        self.problems: tuple[str, ...] = ()
        self._bundled = bundled
        self._next = float("-inf")
        self._own = False
        self._present: dict[str, Loaded] = {}

    def refresh(self, now: float) -> bool:
        """Look for newer versions if `interval` has passed since the last look; return whether it looked."""
        if now < self._next and self._next - now <= self.interval:  # else the clock stepped back
            return False
        self._next = now + self.interval
        self._load(now)
        return True

    def learned(self, name: str = FLEET) -> Models:
        """What was learned from fleets: the newest intact; nothing, and a problem in `problems`, where there is none.

        Before the first `refresh` there is nothing.
        """
        loaded = self.forecasters.get(name)
        return loaded.models if loaded is not None else Models.none()

    def expectations(self) -> Expectations | None:
        """What is expected of a metric beside its companions: the newest intact; None where there is none."""
        return self.expecting.expectations if self.expecting is not None else None

    def listed(self) -> list[Loaded]:
        """All models in force, of every kind, by name."""
        return sorted(self._present.values(), key=lambda model: model.name)

    def _load(self, now: float) -> None:
        """Read all folders; what cannot be read becomes a problem and changes nothing."""
        problems: list[str] = []
        present = dict(self._present)
        # 1 the path's own models; once there was such a path, its absence is a fault as well
        folders: dict[str, Path] = {}
        try:
            self._own = self._own or (self.path is not None and _is_there(self.path))
            if self.path is not None and self._own:
                folders = _folders_in(self.path)
            own = self._own
        except (OSError, ValueError) as error:
            own = True
            problems.append(f"{self.path}: {getattr(error, 'strerror', None) or error}")
        named: set[str] = set()
        for name, folder in folders.items():
            model, versions = self._newest(folder, str(folder), now, problems)
            named.update({name} if versions else ())
            if model is not None:
                present[name] = model
        if own and not named and not problems:
            problems.append(
                f"{self.path}: no <name>/<version>/metadata.json in it; put a model there or unset the path"
            )
        # 2 the bundled, for names that are not there
        self._stand_in(present, named, empty=own and not named, now=now, problems=problems)
        if FLEET not in present:
            problems.append(f"no model named {FLEET}: series are forecast from their own past alone")
        self._present = present
        self.models = {name: model for name, model in present.items() if isinstance(model, LoadedModel)}
        self.forecasters = {n: model for n, model in present.items() if isinstance(model, LoadedForecaster)}
        expecting, snapshots = present.get(EXPECTATIONS), present.get(SNAPSHOTS)
        self.expecting = expecting if isinstance(expecting, LoadedExpectations) else None
        self.snapshots = snapshots if isinstance(snapshots, LoadedSnapshots) else None
        self.problems = tuple(problems)

    def _stand_in(
        self, present: dict[str, Loaded], named: set[str], *, empty: bool, now: float, problems: list[str]
    ) -> None:
        """Add the bundled models for which `path` has nothing.

        Args:
            present: the models in force so far, by name; added to.
            named: names of which the path has versions, whether intact or not.
            empty: whether the path is there and has none at all.
            now: UNIX seconds.
            problems: what is wrong, in words; added to.
        """
        try:
            folders = _folders_in(self._bundled)
        except OSError as error:
            problems.append(f"{self._bundled}: {error.strerror or error}")
            return
        for name, folder in folders.items():
            if name in present and present[name].source != BUNDLED_SOURCE:
                continue
            model, _ = self._newest(folder, BUNDLED_SOURCE, now, problems)
            if model is None:
                continue
            if not isinstance(model, LoadedModel) or not (empty or name in named):
                present[name] = model

    def _newest(
        self, folder: Path, source: str, now: float, problems: list[str]
    ) -> tuple[Loaded | None, list[str]]:
        """The newest intact version in a model's folder, the one in force if that is it; and all versions there."""
        try:
            versions = versions_in(folder)
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
            return None, []
        present = self._present.get(folder.name)
        for version in versions:
            if present is not None and (present.version, present.source) == (version, source):
                return present, versions
            try:
                return load_folder(folder / version, source=source, now=now), versions
            except ModelError as error:
                problems.append(str(error))
        if not versions:
            problems.append(f"{folder}: no version folder (such as 1.0.0) in it")
        return None, versions


def _folders_in(root: Path) -> dict[str, Path]:
    """The folders of a folder by name, in order; hidden ones are nobody's model.

    Raises:
        OSError: it cannot be looked at.
    """
    return {e.name: e for e in sorted(root.iterdir()) if e.is_dir() and not e.name.startswith(".")}


def _is_there(path: Path) -> bool:
    """Whether there is anything at a path.

    Raises:
        OSError, ValueError: nobody can know: it may not be looked at, or can be no path at all.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True

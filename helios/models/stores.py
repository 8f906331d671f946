"""The models in force: loaded from a folder, or the bundled ones where no folder was ever put.

A model that was loaded stays in force until another has been read and verified: a damaged upload never takes a
working model away. Reading is for a thread; `models` is a plain attribute that is swapped as a whole.
"""

from __future__ import annotations

from pathlib import Path

from helios.errors import ModelError
from helios.models.folders import LoadedModel, load_folder, versions_in

BUNDLED = Path(__file__).parent / "bundled"


class ModelStore:
    """Keeps the newest intact version of each model under `path`.

    Args:
        path: `HELIOS_MODEL_PATH`. Where there is no such path at all, the bundled models are used; a path that is
            there and holds nothing usable is a fault, and is not papered over.
        interval: seconds after which `refresh` looks again (`HELIOS_MODEL_REFRESH_INTERVAL`).
        bundled: the folder of the models that the package ships.
    """

    def __init__(self, path: Path | None, *, interval: float = 3600.0, bundled: Path = BUNDLED) -> None:
        self.path = path
        self.interval = interval
        self.models: dict[str, LoadedModel] = {}
        self.problems: tuple[str, ...] = ()
        self._bundled = bundled
        self._next = float("-inf")
        self._own = False

    def refresh(self, now: float) -> bool:
        """Look for newer versions if `interval` has passed since the last look; return whether it looked."""
        if now < self._next and self._next - now <= self.interval:  # else the clock stepped back
            return False
        self._next = now + self.interval
        self._load(now)
        return True

    def _load(self, now: float) -> None:
        """Read all folders; what cannot be read becomes a problem and changes nothing."""
        own, root = True, self.path or self._bundled
        problems: list[str] = []
        models = dict(self.models)
        try:
            # once there was such a path, its absence is a fault as well
            own = self._own = self._own or (self.path is not None and _is_there(self.path))
            root = root if own else self._bundled
            folders = sorted(entry for entry in root.iterdir() if entry.is_dir())
        except (OSError, ValueError) as error:
            folders, problems = [], [f"{root}: {getattr(error, 'strerror', None) or error}"]
        for folder in folders:
            model = self._newest(folder, str(folder) if own else "bundled", now, problems)
            if model is not None:
                models[model.name] = model
        if not models and not problems:
            problems.append(
                f"{root}: no <name>/<version>/metadata.json in it; put a model there or unset the path"
            )
        self.models, self.problems = models, tuple(problems)

    def _newest(self, folder: Path, source: str, now: float, problems: list[str]) -> LoadedModel | None:
        """The newest intact version in a model's folder; the one in force if that is it, None if there is none."""
        try:
            versions = versions_in(folder)
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
            return None
        present = self.models.get(folder.name)
        for version in versions:
            if present is not None and (present.version, present.source) == (version, source):
                return present
            try:
                return load_folder(folder / version, source=source, now=now)
            except ModelError as error:
                problems.append(str(error))
        if not versions:
            problems.append(f"{folder}: no version folder (such as 1.0.0) in it")
        return None


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

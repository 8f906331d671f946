"""Every version of every model that there is, intact or not: what `helios models` shows. Nothing is put in force here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from helios.errors import ModelError
from helios.models.folders import Metadata, is_version, load_folder, read_metadata, versions_in
from helios.models.stores import BUNDLED, BUNDLED_SOURCE, ModelStore


@dataclass(frozen=True, slots=True)
class Version:
    """One version's folder.

    Attributes:
        name: the model's.
        version: by its folder.
        folder: where it lies.
        source: its model's folder, or `bundled`.
        metadata: what it says of itself; None where that cannot be read.
        problem: what is wrong with it; None: it is intact.
        in_force: whether a process that starts now would use it.
    """

    name: str
    version: str
    folder: Path
    source: str
    metadata: Metadata | None
    problem: str | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is.

    Attributes:
        versions: by name, newest first, the path's own before the bundled.
        problems: what a process that starts now would tell.
    """

    versions: tuple[Version, ...]
    problems: tuple[str, ...]

    def picked(self, wanted: str) -> Version:
        """The version that `NAME` or `NAME/VERSION` means: of a name the one in force, else the newest.

        Raises:
            ModelError: there is no such model or version.
        """
        name, _, version = wanted.partition("/")
        same = [one for one in self.versions if one.name == name]
        if not same:
            known = ", ".join(sorted({one.name for one in self.versions}))
            raise ModelError(f"there is no model {name!r}; there are: {known or 'none'}")
        if not version:
            return next((one for one in same if one.in_force), same[0])
        for one in same:
            if one.version == version:
                return one
        raise ModelError(
            f"{name} has no version {version!r}; there are: {', '.join(one.version for one in same)}"
        )


def catalogue(path: Path | None, *, now: float, bundled: Path = BUNDLED) -> Catalogue:
    """Look at every version under `path` and among the bundled; all files are read and verified.

    Args:
        path: `HELIOS_MODEL_PATH`; None or not there: the bundled alone.
        now: UNIX seconds.
        bundled: the folder of the models that the package ships.
    """
    store = ModelStore(path, bundled=bundled)
    store.refresh(now)
    force = {(model.name, model.version, model.source) for model in store.listed()}
    found: list[Version] = []
    for root, own in ((path, True), (bundled, False)):
        for folder in _models_in(root):
            source = str(folder) if own else BUNDLED_SOURCE
            for version in versions_in(folder):
                in_force = (folder.name, version, source) in force
                found.append(_look(folder / version, source, in_force=in_force, now=now))
    return Catalogue(tuple(sorted(found, key=lambda one: one.name)), store.problems)


def _models_in(root: Path | None) -> list[Path]:
    """The folders of a root that hold versions; the store tells what is wrong with others."""
    try:
        entries = sorted(root.iterdir()) if root is not None else []
        return [e for e in entries if e.is_dir() and any(is_version(one.name) for one in e.iterdir())]
    except (OSError, ValueError):
        return []


def _look(folder: Path, source: str, *, in_force: bool, now: float) -> Version:
    metadata, problem = None, None
    try:
        metadata = read_metadata(folder)
        load_folder(folder, source=source, now=now)
    except ModelError as error:
        problem = str(error)
    return Version(folder.parent.name, folder.name, folder, source, metadata, problem, in_force)

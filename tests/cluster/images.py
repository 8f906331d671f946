"""What a container is made from: a real image out of buildah's store, or this machine with the checkout's own environment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.containers import Mount

ROOT = Path(__file__).parents[2]
_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Image:
    """A root file system and what runs in it unless the manifest says otherwise.

    Attributes:
        root: its folder; it is not written to.
        entrypoint, command: as in an image's configuration.
        environment: of every process.
        folder: where it starts.
        user: uid:gid, where the manifest names none.
        mounts: what of the machine is seen in it besides.
    """

    root: Path
    entrypoint: Sequence[str]
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    user: tuple[int, int]
    mounts: Sequence[Mount] = ()

    @classmethod
    def here(cls) -> Image:
        """This machine's files, the checkout and its Python; what the entry point `helios` is for the real image."""
        binaries = Path(sys.prefix) / "bin"
        seen = {str(ROOT), sys.prefix, sys.base_prefix}
        return cls(
            root=Path("/"),
            entrypoint=[str(binaries / "helios")],
            command=[],
            environment={"PATH": f"{binaries}:{_PATH}", "HOME": "/tmp", "PYTHONUNBUFFERED": "1"},  # noqa: S108 - as in the image
            folder="/app",
            user=(65532, 65532),
            mounts=[Mount(path, path, read_only=True) for path in sorted(seen)],
        )


@contextmanager
def built(name: str) -> Iterator[Image]:
    """An image of buildah's store, mounted while the block lasts.

    Raises:
        subprocess.CalledProcessError: there is no such image, or buildah cannot mount it here.
    """
    container = _buildah("from", "--pull-never", name)
    try:
        config = json.loads(_buildah("inspect", "--type", "image", name))["OCIv1"]["config"]
        user, _, group = config.get("User", "0").partition(":")
        yield Image(
            root=Path(_buildah("mount", container)),
            entrypoint=config.get("Entrypoint", []),
            command=config.get("Cmd", []),
            environment=dict(one.split("=", 1) for one in config.get("Env", [])),
            folder=config.get("WorkingDir") or "/",
            user=(int(user), int(group or user)),
        )
    finally:
        _buildah("rm", container)


def _buildah(*arguments: str) -> str:
    ran = subprocess.run(["buildah", *arguments], capture_output=True, text=True, check=True, timeout=120)
    return ran.stdout.strip()

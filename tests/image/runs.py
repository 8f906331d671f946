"""Runs the image as a cluster does: its own files read-only, a user without rights, three writable folders and no capability."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import containers
from tests.cluster.containers import Mount, Spec
from tests.cluster.images import Image

WRITABLE = ("/tmp", "/var/lib/helios", "/app/models")  # noqa: S108 - the paths of the container
NETWORK = "/proc/self/ns/net"
"""The machine's own: ports are asked on loopback."""

SECONDS = 180.0


@dataclass
class Container:
    """One container of the image, made anew for each command.

    Attributes:
        image: what it is made from.
        folder: an empty folder on the machine: what it writes lies in it.
        seen: files and folders of the machine, by where the container sees them; read-only.
        environment: what is added to the image's own.
        entrypoint: what runs instead of the image's own.
        writable: folders that are volumes.
    """

    image: Image
    folder: Path
    seen: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] | None = None
    writable: Sequence[str] = WRITABLE
    _made: int = 0

    def volume(self, path: str) -> Path:
        """The folder of the machine that is written to at a path of the container."""
        volume = self.folder / path.strip("/").replace("/", "-")
        if not volume.exists():
            volume.mkdir(parents=True, mode=0o777)
            volume.chmod(0o777)
        return volume

    def command(self, *arguments: str) -> list[str]:
        """What starts it: the process becomes the container's."""
        self._made += 1
        scratch = self.folder / f"scratch-{self._made}"
        scratch.mkdir(parents=True)
        user, group = self.image.user
        spec = Spec(
            root=str(self.image.root),
            scratch=str(scratch),
            mounts=[
                *(Mount(str(self.volume(path)), path, read_only=False) for path in self.writable),
                *(Mount(str(source), path, read_only=True) for path, source in self.seen.items()),
            ],
            network=NETWORK,
            hostname="helios",
            user=user,
            group=group,
            groups=[],
            read_only=True,
            privileged=False,
            folder=self.image.folder,
            command=[*(self.image.entrypoint if self.entrypoint is None else self.entrypoint), *arguments],
            environment={**self.image.environment, **self.environment},
        )
        return [
            sys.executable,
            "-I",
            containers.__file__,
            str(spec.write(self.folder / f"spec-{self._made}.json")),
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=SECONDS, check=False
        )

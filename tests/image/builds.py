"""Builds the image for real, on a machine that can pull none: buildah, and a base made from Debian's own packages.

    with tests.cluster.images.built(builds.image()) as image: …

**The stand-in.** The Dockerfile's base cannot be pulled here, so mmdebstrap makes one from packages of the same Debian
release, with the same minor version of Python laid out in the same places (`stand-in.sh`). buildah's
`--build-context NAME=container-image://…` puts it in the place of exactly the name that the Dockerfile asks for, digest
included; the Dockerfile is not touched. (Tagging it with that name cannot work: a digest is not a tag.) What differs:
Debian's build of Python and its patch version, and a few libraries that nothing here uses.

The base is kept in `~/.cache/helios/image/`, layers in buildah's own store: the second build of an unchanged tree takes
seconds. Everything is fetched by the machine's own settings: apt's mirror, pip's configuration, its certificates.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
STAND_IN = Path(__file__).parent / "stand-in.sh"
NAME = "localhost/helios"
CONTEXT = ("LICENSE", "README.md", "pyproject.toml", "requirements.txt")
PACKAGES = ("helios", "scoring")
"""What `.dockerignore` lets through: files, and folders."""

EPOCH = 1_767_225_600
"""Every file of a layer carries this time, 2026-01-01: a release takes its commit's."""

_DEBIAN = "ca-certificates,netbase,tzdata,python3.13,python3.13-venv"
_LEAVE_OUT = ("doc", "info", "locale", "man")
_TOOLS = ("buildah", "mmdebstrap", "setpriv")
_CERTIFICATES = Path("/etc/ssl/certs")
_PIP = Path("/etc/pip.conf")
_SECONDS = 1200.0


def lacks() -> str | None:
    """What this machine lacks to build it, in one line; None where it has all."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"the image's tests need {', '.join(missing)} (Debian: apt-get install buildah mmdebstrap)"
    if os.geteuid() != 0:
        return "the image's tests need root: mmdebstrap and buildah mount and change owners"
    if _mirror() is None:
        return "the image's tests need a mirror of Debian in apt's sources"
    return None


def base_name() -> str:
    """What the Dockerfile is built from, tag and digest."""
    found = re.search(r"^FROM (\S+) AS base$", DOCKERFILE.read_text(), re.MULTILINE)
    assert found is not None, "the Dockerfile names its base first"
    return found[1]


def image() -> str:
    """The image of this checkout, built where it is not yet; its name in buildah's own store.

    Raises:
        AssertionError: it cannot be built; the end of what the tools said stands in the message.
    """
    name, store, mark = f"{NAME}:tests", Store(), _cache() / "built"
    with _alone():
        # buildah would look through its layers anew, which takes it ten seconds
        wanted = f"{_fingerprint()} {store.identity(name)}"
        if not mark.exists() or mark.read_text() != wanted:
            store.build(name, ROOT)
            mark.write_text(f"{_fingerprint()} {store.identity(name)}")
    return name


@dataclass(frozen=True)
class Store:
    """Where buildah keeps images and layers.

    Attributes:
        folder: an empty one knows no layer of an earlier build; None is the machine's own.
    """

    folder: Path | None = None

    def build(self, name: str, context: Path) -> str:
        """Build the image from a folder with the Dockerfile, and give it a name; the name."""
        secret = ["--secret", f"id=pip.conf,src={_PIP}"] if _PIP.exists() else []
        self._buildah(
            "bud", "--isolation", "chroot", "--pull=never", "--layers", "--force-rm", "--timestamp", str(EPOCH),
            "--build-context", f"{base_name()}=container-image://{self._base()}",
            "--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro", *secret, "--tag", name, str(context),
        )  # fmt: skip
        return name

    def identity(self, name: str) -> str:
        """The SHA-256 of an image; empty where there is none of that name."""
        return self._buildah("images", "--quiet", "--no-trunc", "--filter", f"reference={name}")

    def layers(self, name: str) -> tuple[str, ...]:
        """SHA-256 of each of an image's layers, the base's first."""
        template = "{{range .OCIv1.RootFS.DiffIDs}}{{.}} {{end}}"
        return tuple(self._buildah("inspect", "--type", "image", "--format", template, name).split())

    def _base(self) -> str:
        """The stand-in's name; made where it is not there."""
        recipe = hashlib.sha256(f"{base_name()} {_DEBIAN} {_LEAVE_OUT}".encode() + STAND_IN.read_bytes())
        key = recipe.hexdigest()[:16]
        name = f"{NAME}-stand-in:{key}"
        if self.identity(name):
            return name
        archive = _cache() / key / "base.tar"
        if not archive.exists():
            _bootstrap(archive)
        container = self._buildah("from", "scratch")
        try:
            self._buildah("add", "--quiet", container, str(archive), "/")
            path = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
            self._buildah("config", "--env", path, "--env", "LANG=C.UTF-8", "--cmd", "python3", container)
            self._buildah("commit", "--quiet", "--timestamp", str(EPOCH), container, name)
        finally:
            self._buildah("rm", container)
        return name

    def _buildah(self, *arguments: str) -> str:
        place = ["--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run"] if self.folder else []
        return _ran("buildah", *place, *arguments)


def _fingerprint() -> str:
    """Of all that an image is built from, this module included."""
    digest = hashlib.sha256(Path(__file__).read_bytes() + STAND_IN.read_bytes())
    files = [ROOT / name for name in ("Dockerfile", ".dockerignore", *CONTEXT)]
    for name in PACKAGES:
        files += sorted(
            file for file in (ROOT / name).rglob("*") if file.is_file() and "__pycache__" not in file.parts
        )
    for file in files:
        digest.update(f"{file.relative_to(ROOT)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _bootstrap(archive: Path) -> None:
    """Install Debian into an archive: Python's slim image leaves the same things out."""
    mirror = _mirror()
    assert mirror is not None, lacks()
    archive.parent.mkdir(parents=True, exist_ok=True)
    fresh = archive.with_suffix(".new.tar")
    without = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEAVE_OUT]
    _ran(
        "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={_DEBIAN}", *without,
        f'--customize-hook=sh {STAND_IN} "$1"', "trixie", str(fresh), mirror,
    )  # fmt: skip
    fresh.replace(archive)


def _mirror() -> str | None:
    """Where this machine's apt fetches Debian from."""
    if shutil.which("apt-get") is None:
        return None
    found = _ran("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").split()
    return next((uri for uri in found if urlsplit(uri).path.strip("/") == "debian"), None)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "helios" / "image"


@contextmanager
def _alone() -> Iterator[None]:
    """One build at a time: test processes share the store and the processors."""
    _cache().mkdir(parents=True, exist_ok=True)
    with (_cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ran(*command: str) -> str:
    """Run a tool to its end; what it printed."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, env=environment, check=False
    )
    assert ran.returncode == 0, f"{command[0]} {command[1]} failed:\n{(ran.stdout + ran.stderr)[-4000:]}"
    return ran.stdout.strip()

"""Becomes one container: a root of its own, its mounts, its user, no capability; then the command takes this process over.

    python containers.py spec.json

The process that was started is the container's: signals reach the command, and what it holds ends with it. It needs root,
and no more of Python than its standard library. Not as in a cluster: the process sees the machine's other processes, its
system calls are not filtered, and cpu and memory are not limited.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWNET = 0x20000, 0x4000000, 0x40000000
_READ_ONLY, _NO_SUID, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
_SET_PARENT_DEATH, _DROP_BOUNDING, _NO_NEW_PRIVILEGES = 1, 24, 38
_MOST_CAPABILITIES = 64
_PASS = 0o011
_PSEUDO = ("/proc", "/sys", "/dev")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Mount:
    """A file or folder of the machine at a path of the container."""

    source: str
    path: str
    read_only: bool


@dataclass(frozen=True)
class Spec:
    """One container.

    Attributes:
        root: the folder that its root file system is laid over; it is never written to.
        scratch: an empty folder, the mount point of its root.
        mounts: in any order.
        network: file of the network namespace.
        hostname: what the machine is called in it.
        user, group, groups: who it is.
        read_only: whether its root file system is.
        privileged: whether the command may gain privileges.
        folder: where it starts.
        command: looked up in the container's PATH.
        environment: all of it.
    """

    root: str
    scratch: str
    mounts: Sequence[Mount]
    network: str
    hostname: str
    user: int
    group: int
    groups: Sequence[int]
    read_only: bool
    privileged: bool
    folder: str
    command: Sequence[str]
    environment: Mapping[str, str]

    def write(self, file: Path) -> Path:
        """Into a file, for `main`; the file itself."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return file

    @classmethod
    def read(cls, file: Path) -> Spec:
        """What `write` wrote."""
        values = json.loads(file.read_text(encoding="utf-8"))
        return cls(**{**values, "mounts": [Mount(**one) for one in values["mounts"]]})


def main() -> None:
    """Never returns."""
    spec = Spec.read(Path(sys.argv[1]))
    with Path(spec.network).open("rb") as network:
        call("setns", network.fileno(), CLONE_NEWNET)
    call("unshare", CLONE_NEWNS | CLONE_NEWUTS)
    socket.sethostname(spec.hostname)
    _mount("none", Path("/"), "", _RECURSIVE | _PRIVATE)
    os.chroot(_root(spec))
    os.chdir(spec.folder)
    _give_up(spec)
    os.execvpe(spec.command[0], list(spec.command), dict(spec.environment))  # noqa: S606 - the command is the point


def call(name: str, *arguments: object) -> None:
    """A function of the C library that answers 0.

    Raises:
        OSError: it did not.
    """
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _root(spec: Spec) -> Path:
    """Lay a writable layer over the root, and everything else onto it; the path of the whole."""
    scratch = Path(spec.scratch)
    _mount("tmpfs", scratch, "tmpfs", 0)
    upper, work, root = (scratch / name for name in ("upper", "work", "root"))
    for folder in (upper, work, root):
        folder.mkdir()
    _mount("overlay", root, "overlay", 0, f"lowerdir={spec.root},upperdir={upper},workdir={work}")
    for path in _PSEUDO:
        _mount(path, _folder(root, path), "", _BIND | _RECURSIVE)
    _folder(root, spec.folder)
    for one in sorted(spec.mounts, key=lambda one: one.path.count("/")):
        if Path(one.source).is_dir():
            path = _folder(root, one.path)
        else:
            path = _folder(root, str(Path(one.path).parent)) / Path(one.path).name
            path.touch()
        _mount(one.source, path, "", _BIND)
        if one.read_only:
            _mount("none", path, "", _REMOUNT | _BIND | _READ_ONLY)
    if spec.read_only:
        _mount("none", root, "", _REMOUNT | _BIND | _READ_ONLY)
    return root


def _folder(root: Path, path: str) -> Path:
    """A folder of the container, made if need be; those above it let everybody pass, as they do in an image."""
    place, parts = root, list(Path(path).parts[1:])
    while parts:
        place /= parts.pop(0)
        if place.is_symlink():  # an absolute one means the container's root, not the machine's
            to = place.readlink()
            place, parts = root if to.is_absolute() else place.parent, [*to.parts[to.is_absolute() :], *parts]
            continue
        if not place.is_dir():
            place.mkdir()
        mode = stat.S_IMODE(place.stat().st_mode)
        if mode & _PASS != _PASS and not place.is_mount():
            place.chmod(mode | _PASS)
    return place


def _give_up(spec: Spec) -> None:
    """Become the user, without a capability."""
    for number in range(_MOST_CAPABILITIES):
        _libc.prctl(
            _DROP_BOUNDING, number, 0, 0, 0
        )  # those that the kernel does not know are not there either
    os.setgroups(list(spec.groups))
    os.setgid(spec.group)
    os.setuid(spec.user)
    if not spec.privileged:
        call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # a change of the user ends what `setpriv` has asked for
    call("prctl", _SET_PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
    os.umask(0o022)


def _mount(source: str, path: Path, kind: str, flags: int, data: str = "") -> None:
    call("mount", source.encode(), bytes(path), kind.encode(), ctypes.c_ulong(flags), data.encode())


if __name__ == "__main__":
    main()

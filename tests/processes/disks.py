"""Disks on bad days, and a process that is killed while it writes."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FULL_DISK = Path("/dev/full/state")
"""A folder into which nothing can be written."""

_KILLED = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from helios import snapshots
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))
snapshots.save(Path(sys.argv[1]), sys.argv[2], {"a": np.zeros(100_000)})
"""


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: the kernel fails the write half-way, as a disk does that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def killed_while_saving(folder: Path, name: str) -> int:
    """A process of its own saves, and the kernel kills it 64 KiB into the file; its exit code."""
    command = [sys.executable, "-c", _KILLED, str(folder), name]
    return subprocess.run(command, check=False).returncode

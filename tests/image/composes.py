"""docker-compose.yml as the real parser understands it: compose-go, what `docker compose` itself reads files with.

The parser is built once into the cache, from its own Go module in `compose/`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cluster.components import which

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
MODULE = Path(__file__).parent / "compose"

Service = Mapping[str, Any]


def lacks() -> str | None:
    """What this machine lacks to parse it, in one line."""
    return (
        None
        if which("go")
        else "the compose file's tests need go 1.26 or newer (it is not in /usr/local/go/bin)"
    )


def project(file: Path) -> Mapping[str, Any]:
    """A compose file with all profiles, merged, with defaults and whole paths.

    Raises:
        AssertionError: the parser refuses it; its own words stand in the message.
    """
    ran = subprocess.run([_parser(), str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    read: Mapping[str, Any] = json.loads(ran.stdout)
    return read


def binds(service: Service) -> Mapping[str, Path]:
    """What of the repository a service sees: path in the container -> file or folder."""
    return {one["target"]: Path(one["source"]) for one in service.get("volumes", []) if one["type"] == "bind"}


def laid_out(service: Service, folder: Path, others: Mapping[str, str] | None = None) -> Mapping[str, Path]:
    """A service's files as they would be mounted, on this machine.

    Args:
        service: of a parsed project.
        folder: an empty one; it must be there.
        others: what else to replace in the files' text, such as the address of another service.

    Returns:
        where each path of the container is now. The files speak of each other by these paths.
    """
    seen = binds(service)
    places = {target: folder / Path(target).name for target in seen}
    words = {**{target: str(places[target]) for target in seen}, **(others or {})}
    for target, source in seen.items():
        if source.is_dir():
            places[target].symlink_to(source)
            continue
        text = source.read_text()
        for word in sorted(words, key=len, reverse=True):
            text = text.replace(word, words[word])
        places[target].write_text(text)
    return places


def _parser() -> str:
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(MODULE.iterdir())))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "helios" / "image"
    binary = cache / f"compose-{digest.hexdigest()[:16]}"
    if not binary.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = binary.with_suffix(f".{os.getpid()}")
        command = [str(which("go")), "build", "-trimpath", "-o", str(fresh), "."]
        ran = subprocess.run(command, cwd=MODULE, capture_output=True, text=True, timeout=280, check=False)
        assert ran.returncode == 0, ran.stderr
        fresh.replace(binary)
    return str(binary)

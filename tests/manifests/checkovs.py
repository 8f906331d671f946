"""checkov, the policy linter, in an environment of its own: it pins a hundred packages that would be in the way of others.

Installed once (290 MB in ~/.cache/helios/checkov) from the hash-locked list beside this file, by CI by itself and elsewhere by

    python -m tests.manifests.checkovs

What CI runs is what the list says. It asks no server.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).parent / "checkov.txt"
"""uv pip compile --generate-hashes --universal --no-emit-index-url --no-header --no-annotate --python-version 3.11 -, from `checkov`."""

_SECONDS = 600


class Unavailable(Exception):
    """It cannot be installed here."""


@dataclass(frozen=True, order=True)
class Finding:
    """One check that an object does not pass, such as CKV_K8S_43 of StatefulSet.helios.helios."""

    check: str
    resource: str
    title: str


def folder() -> Path:
    """Where the environment of exactly this lock belongs; it need not exist."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "helios" / "checkov" / digest


def installed() -> Path:
    """The program; in CI it is installed first where that is still to be done.

    Raises:
        Unavailable: it is not there, or could not be installed; says what to do.
    """
    if os.environ.get("CI") == "true" or (folder() / "complete").exists():
        return install()
    raise Unavailable("python -m tests.manifests.checkovs installs it (290 MB)")


def install() -> Path:
    """The program, after installing it where that is still to be done.

    Raises:
        Unavailable: it could not be; says why.
    """
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the second of two runs waits for the first
        if not (target / "complete").exists():
            shutil.rmtree(target, ignore_errors=True)
            _run(sys.executable, "-m", "venv", "--without-pip", str(target))
            _run(
                sys.executable,
                "-m",
                "uv",
                "pip",
                "install",
                "--quiet",
                "--python",
                str(target),
                "--require-hashes",
                "--requirement",
                str(LOCK),
            )
            (target / "complete").touch()
    return target / "bin" / "checkov"


def findings(program: Path, file: Path) -> tuple[list[Finding], int]:
    """What it finds in a file of manifests, and how many checks were passed.

    Raises:
        Unavailable: it did not run through.
    """
    command = [
        str(program),
        "--file",
        str(file),
        "--framework",
        "kubernetes",
        "--skip-download",
        "--compact",
        "--quiet",
        "--output",
        "json",
        "--soft-fail",
    ]
    report = json.loads(_run(*command))
    failed = [
        Finding(one["check_id"], one["resource"], one["check_name"])
        for one in report["results"]["failed_checks"]
    ]
    return sorted(failed), report["summary"]["passed"]


def _run(*command: str) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as problem:
        raise Unavailable(f"{problem}: {(getattr(problem, 'stderr', None) or '')[-2000:]}") from problem
    return ran.stdout


if __name__ == "__main__":
    sys.stdout.write(f"{install()}\n")

"""Checks a dashboard against Grafana's own types, by TypeScript's compiler: what JSON Schema Grafana has none of.

Every part of a dashboard becomes a constant of its type, so that a field that Grafana does not know is an error, and not only
one of the wrong kind. `npm ci` puts the types into a cache outside the repository, once for each lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.dashboards.queries import panels

SOURCE = Path(__file__).parent / "schema"
FLAGS = ("--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler")
Part = tuple[str, str, Any]
"""Where it stands, its type, itself."""


def which(tool: str) -> str | None:
    """Node or npm: of this Python's environment, where a package may have brought them, or of the machine."""
    return shutil.which(tool, path=_path())


def installed(npm: str) -> Path:
    """The folder with Grafana's types and the compiler.

    Raises:
        subprocess.CalledProcessError: npm could not; its message is in `stderr`.
    """
    digest = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "helios" / "schema" / digest
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "complete").exists():
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(SOURCE / name, cache / name)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            env = {**os.environ, "PATH": _path()}  # npm looks for node there
            subprocess.run(
                command, cwd=cache, env=env, check=True, capture_output=True, text=True, timeout=300
            )
            (cache / "complete").touch()
    return cache


def problems(boards: Mapping[str, Mapping[str, Any]], types: Path, node: str, folder: Path) -> list[str]:
    """What the compiler has against these dashboards, each line with the part that it is about; empty if nothing.

    Args:
        boards: name -> dashboard.
        types: as `installed` gives it.
        node: to run the compiler.
        folder: an empty one, to work in.
    """
    parts = [
        (f"{name}: {where}", kind, value)
        for name, board in boards.items()
        for where, kind, value in _parts(board)
    ]
    lines = ["import type * as c from './checks';"]
    lines += [
        f"export const p{n}: c.{kind} = {json.dumps(value)};" for n, (_, kind, value) in enumerate(parts)
    ]
    (folder / "dashboards.ts").write_text("\n".join(lines), encoding="utf-8")
    shutil.copy(SOURCE / "checks.ts", folder / "checks.ts")
    (folder / "node_modules").symlink_to(types / "node_modules")
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    command = [node, str(compiler), "--pretty", "false", *FLAGS, "dashboards.ts"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    found = [_named(line, parts) for line in ran.stdout.splitlines() if "error TS" in line]
    assert found or not ran.returncode, ran.stdout + ran.stderr
    return found


def _path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def _parts(board: Mapping[str, Any]) -> Iterator[Part]:
    whole = {
        key: value
        for key, value in board.items()
        if key not in ("panels", "annotations", "templating", "links")
    }
    yield "itself", "Whole", whole
    for variable in board["templating"]["list"]:
        yield f"variable {variable['name']}", "Variable", variable
    for annotation in board["annotations"]["list"]:
        yield f"annotation {annotation['name']}", "Annotation", annotation
    for link in board["links"]:
        yield f"link {link['title']}", "Link", link
    for row in board["panels"]:
        if row["type"] == "row":
            yield f"row {row['title']}", "Row", row
    for panel in panels(board):
        yield from _parts_of(panel)


def _parts_of(panel: Mapping[str, Any]) -> Iterator[Part]:
    name, kind = f"panel {panel['title']}", json.dumps(panel["type"])
    apart = ("targets", "options", "fieldConfig", "transformations")
    yield name, "Frame", {key: value for key, value in panel.items() if key not in apart}
    yield f"{name}, options", f"Options[{kind}]", panel["options"]
    for target in panel["targets"]:
        yield f"{name}, query {target['refId']}", "Target", target
    for one in panel.get("transformations", ()):
        yield f"{name}, transformation {one['id']}", "Transformation", one
    yield from _fields(f"{name}, fields", kind, panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"].get("overrides", ()):
        own: dict[str, Any] = {}
        for each in override["properties"]:
            head, _, tail = each["id"].partition(".")
            if tail:
                own.setdefault(head, {})[tail] = each["value"]
            else:
                own[head] = each["value"]
        yield from _fields(f"{name}, field {override['matcher']['options']}", kind, own)


def _fields(name: str, kind: str, fields: Mapping[str, Any]) -> Iterator[Part]:
    yield name, "Field", {key: value for key, value in fields.items() if key not in ("custom", "links")}
    yield f"{name}, custom", f"Custom[{kind}]", fields.get("custom", {})
    for link in fields.get("links", ()):
        yield f"{name}, link", "DataLink", link


def _named(line: str, parts: list[Part]) -> str:
    """The compiler's line with the part's name for its place: constants begin in the second line of the file."""
    place, _, message = line.partition(": ")
    if not place.startswith("dashboards.ts("):
        return line
    where, kind, _ = parts[int(place.removeprefix("dashboards.ts(").split(",")[0]) - 2]
    return f"{where} ({kind}): {message}"

"""What is looked at: Kubernetes objects from files, folders, standard input or lists, each with the place it stands at.

Reading only. Objects of kinds that nobody looks at are kept out; what is no YAML is refused by name.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import yaml

from helios.errors import SettingsError

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
STDIN = "-"
_LARGEST = 64 * 1024 * 1024
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the one of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What PowerShell writes, and other programs of Windows."""

SCALED_OBJECT, HPA, TARGET = "ScaledObject", "HorizontalPodAutoscaler", "HeliosTarget"
_GROUPS: Mapping[str, frozenset[str]] = {
    "keda.sh": frozenset({SCALED_OBJECT}),
    "autoscaling": frozenset({HPA}),
    "helios.dev": frozenset({TARGET}),
    "apps": frozenset({"Deployment", "StatefulSet", "ReplicaSet", "DaemonSet"}),
    "": frozenset({"LimitRange"}),
    "monitoring.coreos.com": frozenset({"ServiceMonitor", "PodMonitor"}),
    "monitoring.googleapis.com": frozenset({"PodMonitoring", "ClusterPodMonitoring"}),
}
"""What is looked at, or looked up, by group."""
_JUDGED = (SCALED_OBJECT, HPA, TARGET)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object.

    Attributes:
        place: `file:line`; empty for an object of the cluster.
        folder: what lies in one folder belongs together; the same for all of a cluster.
        body: as it was read.
    """

    place: str
    folder: str
    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Such as `ScaledObject`."""
        return str(self.body.get("kind"))

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Name, labels, annotations."""
        return part(self.body, "metadata")

    @property
    def spec(self) -> Mapping[str, Any]:
        """What is wanted."""
        return part(self.body, "spec")

    @property
    def name(self) -> str:
        """Its name; empty where it has none."""
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        """Its namespace; empty where the file leaves it open."""
        return str(self.metadata.get("namespace") or "")

    @property
    def annotations(self) -> Mapping[str, Any]:
        """Its annotations."""
        return part(self.metadata, "annotations")

    @property
    def where(self) -> str:
        """As findings name it."""
        named = "/".join(one for one in (self.namespace, self.kind, self.name) if one)
        return f"{self.place} {named}" if self.place else named

    def within(self, namespace: str | None) -> Manifest:
        """The same, in a namespace where it names none itself."""
        if namespace is None or self.namespace:
            return self
        return replace(self, body={**self.body, "metadata": {**self.metadata, "namespace": namespace}})


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads what kubectl reads: a bare `=`, a date that is none, and tags of others' (`!Ref`) are texts, lists and mappings."""


def _plain(loader: Any, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


for _tag in ("tag:yaml.org,2002:value", "tag:yaml.org,2002:timestamp", None):
    _Loader.add_constructor(_tag, _plain)


def read(
    paths: Sequence[str], stdin: TextIO | None = None, missed: Callable[[str, str, bool], None] | None = None
) -> tuple[list[Manifest], list[str]]:
    """Every object of interest in files and folders, and the names of what was read.

    Args:
        paths: files, folders (all below them) or `-`.
        stdin: what `-` is.
        missed: is told of a file of a folder that cannot be read: its name, why, and whether it seems to hold an object that
            is looked at. None: it is an error, as a file that was named always is.

    Raises:
        SettingsError: there is no such file, it is not YAML, it cannot be read, or one that was named holds no document.
    """
    found: list[Manifest] = []
    names: list[str] = []
    for path in paths:
        files, reasons = _files(path), []
        in_folder = path != STDIN and Path(path).is_dir()
        for file in files:
            text = ""
            try:
                text = _text(file, stdin or sys.stdin)
                if not in_folder:
                    _hold_something(file, text)
                found += parsed(_name(file), text)
                names.append(_name(file))
            except SettingsError as error:
                if not in_folder or missed is None:
                    raise
                reasons.append(error)
                missed(_name(file), str(error), any(kind in text for kind in _JUDGED))
        if reasons and len(reasons) == len(files):
            raise reasons[0]
    return found, names


def parsed(name: str, text: str) -> list[Manifest]:
    """The objects of interest in one text.

    Raises:
        SettingsError: it is not YAML.
    """
    folder = str(Path(name).parent) if name != "stdin" else name
    try:
        return [Manifest(f"{name}:{line}", folder, body) for line, body in _documents(text)]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f"{name}:{mark.line + 1}" if mark is not None else name
        said = " ".join(str(getattr(error, "problem", None) or error).split())
        hint = ""
        if "{{" in text:
            hint = (
                "; it looks like a template: render it first (helm template CHART | helios doctor --file -)"
            )
        raise SettingsError(f"{at}: is not YAML: {said}{hint}") from error


def of_cluster(bodies: Iterable[Mapping[str, Any]]) -> list[Manifest]:
    """Objects as the API server lists them."""
    return [Manifest("", "", body) for body in bodies]


def part(body: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """What lies within, or nothing."""
    found: Any = body
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def items(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list within, or none."""
    found = body.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _hold_something(file: str, text: str) -> None:
    """Hold that there is more than comments and separators: a render that failed writes no more than that."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    if all(line in {"", "---", "..."} or line.startswith("%") for line in lines):
        raise SettingsError(f"--file {file}: there is no document in it")


def _files(path: str) -> list[str]:
    """The files of a path."""
    if not path.strip():
        raise SettingsError("--file: the name is empty: a variable that is not set?")
    root = Path(path)
    if path == STDIN or not root.is_dir():
        return [path]
    files = sorted(one for one in root.rglob("*") if one.suffix in SUFFIXES and one.is_file())
    files = [one for one in files if not any(name.startswith(".") for name in one.relative_to(root).parts)]
    if not files:
        raise SettingsError(f"--file {path}: there is no YAML in this folder")
    return [str(one) for one in files]


def _name(file: str) -> str:
    return "stdin" if file == STDIN else file


def _text(path: str, stdin: TextIO) -> str:
    """What stands in one file."""
    if path == STDIN:
        raw = getattr(stdin, "buffer", None)
        text = stdin.read() if raw is None else _decoded(path, raw.read())
        if not text.strip():
            raise SettingsError(f"--file {path}: there is nothing on standard input")
        return text
    file = Path(path)
    try:
        if file.stat().st_size > _LARGEST:
            raise SettingsError(f"--file {file}: is larger than {_LARGEST // 2**20} MiB")
        return _decoded(path, file.read_bytes())
    except FileNotFoundError as error:
        raise SettingsError(f"--file {file}: there is no such file") from error
    except OSError as error:
        raise SettingsError(f"--file {file}: cannot be read: {error}") from error


def _decoded(path: str, raw: bytes) -> str:
    """By its byte order mark, else as UTF-8."""
    encoding = next((name for mark, name in _BOMS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise SettingsError(f"--file {path}: cannot be read: it is not {encoding.upper()}") from error


def _documents(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line and object, lists taken apart; what is of no interest is left out."""
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                for body in _taken_apart(loader.construct_document(node)):
                    yield node.start_mark.line + 1, body
    finally:
        loader.dispose()


def _taken_apart(body: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(body, list):  # the items of a list, as jq prints them
        for one in body:
            yield from _taken_apart(one)
        return
    if not isinstance(body, Mapping):
        return
    kind, group = str(body.get("kind")), str(body.get("apiVersion") or "").rpartition("/")[0]
    if kind == "List" or (kind.endswith("List") and isinstance(body.get("items"), list)):
        for one in items(body, "items"):
            # a typed list's items may leave out what the list has said
            said = {"apiVersion": body.get("apiVersion"), "kind": kind.removesuffix("List")}
            yield from _taken_apart(one if one.get("kind") or kind == "List" else {**said, **one})
    elif kind in _GROUPS.get(group, ()):
        yield body

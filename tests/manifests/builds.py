"""What kubectl's kustomize makes of the shipped kustomizations, and where things are in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from helios.settings import Settings, load_settings
from tests.cluster.components import folder
from tests.cluster.overlays import KUSTOMIZE, OVERLAYS

BUILDS = ("base", "keda", *(f"overlays/{name}" for name in OVERLAYS))
"""Every kustomization that is applied as it is, by its folder."""

HELIOS = tuple(name for name in BUILDS if name != "keda")
"""Those that make a Helios."""

FIELDS: Mapping[str, str] = {
    "metadata.name": "helios-0",
    "metadata.uid": "6f1c0f5e-0f0a-4c1f-9d0e-1a2b3c4d5e6f",
}
"""What the downward API says of a pod."""

Object = dict[str, Any]
Build = tuple[Object, ...]


class Loader(yaml.CSafeLoader):
    """YAML as Go reads it: a lone `=` is text."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def kubectl() -> str | None:
    """The end-to-end suite's kubectl, or the one in PATH."""
    own = folder() / "bin" / "kubectl"
    return str(own) if own.exists() else shutil.which("kubectl")


@cache
def built(name: str) -> Build:
    """The objects of a kustomization, in the order of its folder's build.

    Raises:
        subprocess.CalledProcessError: kustomize will not have it.
    """
    command = [str(kubectl()), "kustomize", str(KUSTOMIZE / name)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return loaded(ran.stdout)


def loaded(text: str) -> Build:
    """The objects of a YAML text."""
    return tuple(one for one in yaml.load_all(text, Loader) if one)


def of_kind(build: Build, kind: str) -> list[Object]:
    """All of a kind."""
    return [one for one in build if one["kind"] == kind]


def named(build: Build, kind: str, name: str) -> Object:
    """The only one of a kind and name."""
    (found,) = [one for one in of_kind(build, kind) if one["metadata"]["name"] == name]
    return found


def pod(build: Build) -> Object:
    """The template of Helios' pod."""
    template: Object = named(build, "StatefulSet", "helios")["spec"]["template"]
    return template


def containers(build: Build) -> dict[str, Object]:
    """By name."""
    return {one["name"]: one for one in pod(build)["spec"]["containers"]}


def environment(build: Build, container: Object) -> dict[str, str]:
    """What a container's `env` says in the pod that `FIELDS` describes: ConfigMaps looked up, references to earlier ones replaced."""
    known: dict[str, str] = {}
    for one in container["env"]:
        text = one["value"] if "value" in one else _referred(build, one["valueFrom"])
        known[one["name"]] = re.sub(r"\$\((\w+)\)", lambda found: known.get(found[1], found[0]), text)
    return known


def config(build: Build) -> str:
    """The config.yaml that the pod mounts."""
    (volume,) = [one for one in pod(build)["spec"]["volumes"] if one["name"] == "config"]
    text: str = named(build, "ConfigMap", volume["configMap"]["name"])["data"]["config.yaml"]
    return text


def ports(container: Object) -> Mapping[str, int]:
    """Name -> number."""
    return {one["name"]: one["containerPort"] for one in container["ports"]}


def probes(container: Object) -> Iterator[tuple[str, Object]]:
    """Kind and `httpGet` of each of its probes."""
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        if kind in container:
            yield kind, container[kind]["httpGet"]


def _referred(build: Build, source: Object) -> str:
    if "fieldRef" in source:
        return FIELDS[source["fieldRef"]["fieldPath"]]
    where = source["configMapKeyRef"]
    text: str = named(build, "ConfigMap", where["name"])["data"][where["key"]]
    return text


def written(build: Build, file: Path) -> Path:
    """Into a file, for tools that read one; the file itself."""
    file.write_text(yaml.safe_dump_all(build), encoding="utf-8")
    return file


def settings(build: Build, container: str, folder: Path) -> Settings:
    """As the container reads them: its file, its environment."""
    file = folder / "config.yaml"
    file.write_text(config(build), encoding="utf-8")
    return load_settings(file, environment(build, containers(build)[container]))

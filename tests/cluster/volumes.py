"""What a kubelet puts into a pod's volumes: files of ConfigMaps, a token of the pod's own, empty folders, a claim's storage."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.apis import Object
from tests.cluster.control_planes import ControlPlane

_EVERYBODY, _GROUP, _SHARED = 0o644, 0o640, 0o2775


class Volumes:
    """Those of one pod.

    Args:
        plane: where its ConfigMaps, claims and tokens are.
        pod: the object as the API server has it.
        folder: an empty one, for them.
    """

    def __init__(self, plane: ControlPlane, pod: Object, folder: Path) -> None:
        self._plane, self._pod, self._folder = plane, pod, folder
        self._namespace: str = pod["metadata"]["namespace"]
        self._group: int = pod["spec"].get("securityContext", {}).get("fsGroup", 0)

    def made(self) -> dict[str, Path]:
        """Name -> the folder with its content.

        Raises:
            AssertionError: a volume of a kind, or something in it, that is not known here.
        """
        return {one["name"]: self._made(one) for one in self._pod["spec"].get("volumes", [])}

    def _made(self, volume: Mapping[str, Any]) -> Path:
        (kind,) = volume.keys() - {"name"}
        kinds: dict[str, Callable[[Any, Path], Path]] = {
            "configMap": self._config_map,
            "projected": self._projected,
            "emptyDir": self._empty,
            "persistentVolumeClaim": self._claimed,
        }
        assert kind in kinds, f"volume {volume['name']}: this kubelet knows no {kind}"
        return kinds[kind](volume[kind], self._folder / volume["name"])

    def _config_map(self, source: Mapping[str, Any], place: Path) -> Path:
        place.mkdir()
        for name, content in self._files(source):
            self._write(place / name, content, source.get("defaultMode", _EVERYBODY))
        return place

    def _projected(self, source: Mapping[str, Any], place: Path) -> Path:
        place.mkdir()
        for one in source["sources"]:
            (kind,) = one
            found: Iterator[tuple[str, bytes]] = {
                "configMap": self._files,
                "serviceAccountToken": self._token,
                "downwardAPI": self._fields,
            }[kind](one[kind])
            for name, content in found:
                # as the kubelet does where there is a fsGroup: nobody but the pod's containers reads a token
                mode = _GROUP if kind == "serviceAccountToken" else source.get("defaultMode", _EVERYBODY)
                self._write(place / name, content, mode)
        return place

    def _files(self, source: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
        """Path -> content, of a ConfigMap's keys or of those that are named."""
        path = f"/api/v1/namespaces/{self._namespace}/configmaps/{source['name']}"
        found = self._plane.api.ask("GET", path)
        content = {key: text.encode() for key, text in found.get("data", {}).items()}
        content |= {key: base64.b64decode(text) for key, text in found.get("binaryData", {}).items()}
        if "items" not in source:
            yield from content.items()
            return
        for item in source["items"]:
            yield item["path"], content[item["key"]]

    def _token(self, source: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
        """A token that is good for as long as the pod is there; it is not renewed here."""
        account = self._pod["spec"]["serviceAccountName"]
        metadata = self._pod["metadata"]
        bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        spec = {"expirationSeconds": source.get("expirationSeconds", 3600), "boundObjectRef": bound}
        if "audience" in source:
            spec["audiences"] = [source["audience"]]
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token"
        answer = self._plane.api.ask("POST", path, {"spec": spec})
        yield source["path"], answer["status"]["token"].encode()

    def _fields(self, source: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
        for item in source["items"]:
            yield item["path"], field(self._pod, item["fieldRef"]["fieldPath"]).encode()

    def _empty(self, _: Mapping[str, Any], place: Path) -> Path:
        place.mkdir()
        self._share(place)
        place.chmod(0o2777)
        return place

    def _claimed(self, source: Mapping[str, Any], _: Path) -> Path:
        """The storage that the claim is bound to: a folder of the node."""
        path = f"/api/v1/namespaces/{self._namespace}/persistentvolumeclaims/{source['claimName']}"
        claim = self._plane.api.ask("GET", path)
        assert claim["status"].get("phase") == "Bound", f"claim {source['claimName']} is not bound"
        volume = self._plane.api.ask("GET", f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")
        place = Path(volume["spec"]["hostPath"]["path"])
        self._share(place)
        return place

    def _write(self, file: Path, content: bytes, mode: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.chown(file, 0, self._group)
        file.chmod(mode)

    def _share(self, folder: Path) -> None:
        """With the pod's `fsGroup`."""
        os.chown(folder, 0, self._group)
        folder.chmod(_SHARED)


def field(pod: Object, path: str) -> str:
    """What the downward API says under a path such as `metadata.namespace`."""
    value: Any = pod
    for name in path.split("."):
        value = value[name]
    return str(value)


def provide(plane: ControlPlane, name: str, folder: Path, size: str = "8Gi") -> None:
    """A volume for whatever claim comes first, in a new folder: there is no provisioner here, the control plane binds it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plane.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": size},
                "hostPath": {"path": str(folder)},
                "persistentVolumeReclaimPolicy": "Retain",
            },
        }
    )

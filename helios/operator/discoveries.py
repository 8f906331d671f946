"""What a cluster serves: its kinds, their schemas, its version; asked of the API server and remembered for a while.

It reads no object. One may be shared by all threads.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from helios.errors import ClusterMissing, ClusterUnreachable
from helios.operator import paths
from helios.operator.transports import Call, Transport


class Resource(NamedTuple):
    """What discovery knows of a kind."""

    plural: str
    has_scale: bool
    namespaced: bool = True


class Discovery:
    """What is served.

    Args:
        transport: sends requests.
        found_seconds: how long the word for a kind is kept.
        missed_seconds: how long the word that there is no such kind is kept: it may be installed any time.
        clock: seconds that only move forward.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        found_seconds: float,
        missed_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._found_seconds, self._missed_seconds = found_seconds, missed_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, Mapping[str, Resource] | None]] = {}  # when asked, what was found

    def kinds(self, api_version: str, kind: str | None = None) -> Mapping[str, Resource] | None:
        """Every kind of a group and version; None where there is no such version.

        Args:
            api_version: such as `keda.sh/v1alpha1`.
            kind: the one that is looked for, so that its absence is forgotten sooner.

        Raises:
            ClusterError: it could not be asked.
        """
        now = self._clock()
        with self._lock:
            asked, kinds = self._kinds.get(api_version, (-math.inf, None))
        missed = kinds is None or (kind is not None and kind not in kinds)
        if now - asked >= (self._missed_seconds if missed else self._found_seconds):
            kinds = self._discover(api_version)
            with self._lock:
                self._kinds[api_version] = (now, kinds)
        return kinds

    def schema(self, api_version: str, kind: str) -> dict[str, Any]:
        """The OpenAPI schema of a kind, as the API server publishes it; empty where it has none.

        Raises:
            ClusterError: it could not be asked.
        """
        path = f"/openapi/v3{paths.group(api_version)}"
        said = self._transport.send(Call("get", "openapi", path, api_version))
        group, _, version = api_version.rpartition("/")
        wanted = {"group": group, "version": version, "kind": kind}
        for found in ((said.get("components") or {}).get("schemas") or {}).values():
            if wanted in (found.get("x-kubernetes-group-version-kind") or ()):
                return dict(found)
        return {}

    def version(self) -> tuple[int, int]:
        """Major and minor version of the API server.

        Raises:
            ClusterError: it could not be asked, or says nothing of the kind.
        """
        said = self._transport.send(Call("get", "version", "/version"))
        major, minor = (re.match(r"\d+", str(said.get(part, ""))) for part in ("major", "minor"))
        if major is None or minor is None:
            raise ClusterUnreachable(f"get version: {said!r} names no version: check the address")
        return int(major[0]), int(minor[0])

    def _discover(self, api_version: str) -> Mapping[str, Resource] | None:
        try:
            answer = self._transport.send(Call("get", "discovery", paths.group(api_version), api_version))
        except ClusterMissing:
            return None
        listed = [one for one in answer.get("resources") or () if isinstance(one, Mapping)]
        names = {str(one.get("name")) for one in listed}
        return {
            str(one.get("kind")): Resource(
                str(one["name"]), f"{one['name']}/scale" in names, bool(one.get("namespaced", True))
            )
            for one in listed
            if "/" not in str(one.get("name", "/"))
        }

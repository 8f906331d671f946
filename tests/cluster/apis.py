"""The API server, asked directly: cheap enough to be looked at every half second, which kubectl is not."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from tests.cluster.certificates import Pair

Object = dict[str, Any]

KINDS: Mapping[str, tuple[str, str]] = {
    "Namespace": ("api/v1", "namespaces"),
    "Node": ("api/v1", "nodes"),
    "Pod": ("api/v1", "pods"),
    "Event": ("api/v1", "events"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "StatefulSet": ("apis/apps/v1", "statefulsets"),
    "ReplicaSet": ("apis/apps/v1", "replicasets"),
    "HorizontalPodAutoscaler": ("apis/autoscaling/v2", "horizontalpodautoscalers"),
    "APIService": ("apis/apiregistration.k8s.io/v1", "apiservices"),
    "CustomResourceDefinition": ("apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ScaledObject": ("apis/keda.sh/v1alpha1", "scaledobjects"),
    "Lease": ("apis/coordination.k8s.io/v1", "leases"),
    "HeliosTarget": ("apis/helios.dev/v1alpha1", "heliostargets"),
}
"""Kind -> group's path and plural, of what tests look at."""


class Refused(Exception):
    """The API server answered with an error.

    Attributes:
        code: its HTTP status.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Api:
    """One user's way to the API server. Any thread may use it.

    `folder` of a namespaced kind is its namespace; None is all of them in a list, and none for kinds without.
    """

    def __init__(self, url: str, ca: Path, pair: Pair) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(pair.certificate, pair.key)
        self._client = httpx.Client(
            base_url=url, verify=context, timeout=20, headers={"User-Agent": "helios-e2e"}, trust_env=False
        )

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object; None where there is none.

        Raises:
            Refused: any other error of the server's.
            httpx.HTTPError: no answer.
        """
        try:
            return self.ask("GET", _path(kind, namespace, name))
        except Refused as refused:
            if refused.code == httpx.codes.NOT_FOUND:
                return None
            raise

    def objects(self, kind: str, namespace: str | None = None, *, selector: str = "") -> list[Object]:
        """All of a kind, as the server's cache has them; errors as in `get`."""
        parameters = {"resourceVersion": "0", **({"labelSelector": selector} if selector else {})}
        found = self.ask("GET", _path(kind, namespace), parameters=parameters)
        items: list[Object] = found["items"]
        return items

    def create(self, kind: str, body: Object, namespace: str | None = None) -> Object:
        """Create one; errors as in `get`."""
        return self.ask("POST", _path(kind, namespace), body)

    def patch(self, kind: str, name: str, body: Object, namespace: str | None = None) -> Object:
        """Merge-patch one; errors as in `get`."""
        how = "application/merge-patch+json"
        return self.ask("PATCH", _path(kind, namespace, name), body, content_type=how)

    def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete one, if it is there; dependents go in the background. Errors as in `get`."""
        try:
            self.ask("DELETE", _path(kind, namespace, name), {"propagationPolicy": "Background"})
        except Refused as refused:
            if refused.code != httpx.codes.NOT_FOUND:
                raise

    def ask(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        content_type: str = "application/json",
        parameters: Mapping[str, str] | None = None,
    ) -> Object:
        """Any request.

        Raises:
            Refused: the server's error.
            httpx.HTTPError: no answer.
        """
        headers = {"Content-Type": content_type} if body is not None else {}
        answer = self._client.request(method, path, json=body, headers=headers, params=parameters)
        if answer.is_error:
            raise Refused(answer.status_code, answer.text[:2000])
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return {"text": answer.text}
        found: Object = answer.json()
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _path(kind: str, namespace: str | None, name: str | None = None) -> str:
    group, plural = KINDS[kind]
    within = f"/namespaces/{namespace}" if namespace is not None else ""
    return f"/{group}{within}/{plural}{'' if name is None else f'/{name}'}"

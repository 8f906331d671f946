"""Which cluster, and as whom: the pod's own, or a kube config's; and what to do where neither works."""

from __future__ import annotations

from pathlib import Path

import pytest
from kubernetes.client.configuration import Configuration

from helios.errors import ClusterUnreachable, SettingsError
from helios.operator.clusters import Cluster
from tests.operator.api_server import ApiServer
from tests.sources.web_servers import Reply, serve

DEPLOYMENTS = ("apps/v1", "deployments")


def names(cluster: Cluster, namespace: str | None = None) -> list[str]:
    return [one["metadata"]["name"] for one in cluster.list(*DEPLOYMENTS, namespace)]


def test_the_kube_config_that_is_named_is_used(api: ApiServer, tmp_path: Path) -> None:
    """KUBECONFIG says where, and its user's token goes along."""
    api.token = "t0ken"  # noqa: S105
    path = api.kube_config(tmp_path)
    with Cluster.connected(environment={"KUBECONFIG": str(path)}) as cluster:
        assert [] == names(cluster)


def test_another_context_can_be_named(api: ApiServer, tmp_path: Path) -> None:
    """Several files and their contexts are one kube config."""
    api.token = "other"  # noqa: S105
    files = [api.kube_config(tmp_path), api.kube_config(tmp_path, context="eu-1", token="other")]  # noqa: S106
    environment = {"KUBECONFIG": ":".join(map(str, files)), "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    with Cluster.connected("eu-1", environment=environment) as cluster:
        assert [] == names(cluster)
    with pytest.raises(SettingsError, match=r"context us-1 of kube config .*operator.context"):
        Cluster.connected("us-1", environment=environment)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "set KUBECONFIG to a readable file", id="no file"),
        pytest.param("", "is empty", id="an empty file"),
        pytest.param("{", "give KUBECONFIG a valid file", id="no YAML"),
        pytest.param("[1, 2]", "give KUBECONFIG a valid file", id="a list"),
        pytest.param("clusters: []", "set KUBECONFIG", id="no context"),
    ],
)
def test_a_kube_config_that_cannot_be_used_is_named_with_the_remedy(
    tmp_path: Path, content: str | None, words: str
) -> None:
    """No traceback for a typing error."""
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=words) as caught:
        Cluster.connected(environment={"KUBECONFIG": str(path)})
    assert str(path) in str(caught.value)


def test_a_pod_without_a_service_account_is_told_so() -> None:
    """In a pod the service account is used, and its absence explained: what is to be mounted, and where."""
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(
        SettingsError, match=r"mount its token and ca\.crt at /var/run/secrets/kubernetes\.io/serviceaccount "
    ):
        Cluster.connected(environment=environment)


def test_a_redirect_is_told_and_not_followed() -> None:
    """The API server sends nobody elsewhere: a login page does, and what is asked is not for that one."""
    moved = Reply(302, [], {"Location": "https://login.example/?state=s3cret"})
    with (
        serve(lambda _: moved) as server,
        Cluster.of(Configuration(host=server.url)) as cluster,
        pytest.raises(ClusterUnreachable, match=r"redirects to https://login\.example/: check the address"),
    ):
        cluster.version()


def test_a_server_that_is_down_is_told_in_plain_words(api: ApiServer) -> None:
    """No name of an object in a library."""
    api.down()
    with (
        Cluster.of(api.configuration()) as cluster,
        pytest.raises(ClusterUnreachable, match=r"does not answer: Failed to establish a new connection"),
    ):
        cluster.version()

"""Every request to Kubernetes ends, and every failure is a sentence that says what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from kubernetes.client.configuration import Configuration
from prometheus_client import CollectorRegistry

from helios.errors import (
    ClusterError,
    ClusterForbidden,
    ClusterMissing,
    ClusterRefused,
    ClusterUnreachable,
)
from helios.operator.clusters import Cluster
from helios.operator.transports import request_counter
from tests.operator.api_server import ApiServer
from tests.operator.objects import deployment, scaled_object
from tests.sources.certificates import certificates
from tests.sources.web_servers import Reply, Request, serve

DEPLOYMENTS = ("apps/v1", "deployments")


def names(cluster: Cluster, namespace: str | None = None) -> list[str]:
    return [one["metadata"]["name"] for one in cluster.list(*DEPLOYMENTS, namespace)]


# failures


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        pytest.param(
            403,
            ClusterForbidden,
            "may not list deployments in shop: .*apply the ClusterRole helios",
            id="403",
        ),
        pytest.param(
            401, ClusterForbidden, "may not list deployments in shop: .*renew the kube config", id="401"
        ),
        pytest.param(404, ClusterMissing, "list deployments in shop: told to say 404", id="404"),
        pytest.param(400, ClusterRefused, "^told to say 400$", id="400"),
        pytest.param(409, ClusterRefused, "^told to say 409$", id="409"),
        pytest.param(422, ClusterRefused, "^told to say 422$", id="422"),
        pytest.param(429, ClusterUnreachable, "HTTP 429: told to say 429", id="429"),
        pytest.param(500, ClusterUnreachable, "HTTP 500: told to say 500", id="500"),
        pytest.param(503, ClusterUnreachable, "HTTP 503: told to say 503", id="503"),
    ],
)
def test_every_refusal_says_what_was_asked_and_why_not(
    api: ApiServer, cluster: Cluster, status: int, kind: type[ClusterError], words: str
) -> None:
    """Nobody has to look up an HTTP status."""
    api.fail("deployments", status)
    with pytest.raises(kind, match=words):
        names(cluster, "shop")


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        pytest.param({"causes": [{"reason": "NamespaceTerminating"}]}, ClusterMissing, id="it ends"),
        pytest.param({"causes": [{"reason": "Other"}]}, ClusterForbidden, id="another cause"),
        pytest.param({"causes": [None]}, ClusterForbidden, id="no cause"),
        pytest.param({"causes": None}, ClusterForbidden, id="no causes"),
        pytest.param(None, ClusterForbidden, id="no details"),
    ],
)
def test_the_end_of_a_namespace_is_not_taken_for_a_lack_of_rights(
    details: object, kind: type[ClusterError]
) -> None:
    """The API server says 403 to both; no ClusterRole helps where a namespace is being deleted."""
    body = orjson.dumps({"kind": "Status", "message": "it is being terminated", "details": details})
    with (
        serve(lambda _: Reply(403, [body])) as server,
        Cluster.of(Configuration(host=server.url)) as cluster,
        pytest.raises(kind, match="get deployments shop/web: it is being terminated"),
    ):
        cluster.get(*DEPLOYMENTS, "shop", "web")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(
            403,
            'admission webhook "vscaledobject.kb.io" denied the request: the workload is already managed by an hpa',
            id="KEDA's webhook",
        ),
        pytest.param(
            403,
            "scaledobjects.keda.sh \"web\" is forbidden: ValidatingAdmissionPolicy 'few' with binding 'all' denied "
            "request: too many replicas",
            id="a policy",
        ),
        pytest.param(
            403,
            'scaledobjects.keda.sh "web" is forbidden: exceeded quota: few, requested: '
            "count/scaledobjects.keda.sh=1, used: count/scaledobjects.keda.sh=5, "
            "limited: count/scaledobjects.keda.sh=5",
            id="a quota",
        ),
        pytest.param(
            500,
            'Internal error occurred: failed calling webhook "vscaledobject.kb.io": failed to call webhook: Post '
            '"https://keda-admission-webhooks.keda.svc:443/validate": no endpoints available',
            id="a webhook that is away",
        ),
    ],
)
def test_what_admission_refuses_is_one_objects_trouble(
    api: ApiServer, cluster: Cluster, status: int, message: str
) -> None:
    """In the server's own words: no ClusterRole helps, and the API server is not away."""
    api.fail("scaledobjects", status, message=message)
    one = scaled_object("web")
    writes: list[Callable[[], object]] = [
        lambda: cluster.apply(one),
        lambda: cluster.delete(one["apiVersion"], "scaledobjects", "shop", "web", "u1"),
    ]
    for write in writes:
        with pytest.raises(ClusterRefused) as caught:
            write()
        assert message == str(caught.value)


@pytest.mark.parametrize(
    ("verb", "status", "message", "kind"),
    [
        pytest.param(
            "patch",
            403,
            'scaledobjects.keda.sh "web" is forbidden: User "helios" cannot patch resource "scaledobjects"',
            ClusterForbidden,
            id="a lack of rights",
        ),
        pytest.param("patch", 500, "etcdserver: leader changed", ClusterUnreachable, id="a failing server"),
        pytest.param("get", 500, "failed calling webhook", ClusterUnreachable, id="a conversion that fails"),
    ],
)
def test_what_is_not_admissions_is_not_taken_for_it(
    api: ApiServer, cluster: Cluster, verb: str, status: int, message: str, kind: type[ClusterError]
) -> None:
    """A missing right still names its remedy, and an outage ends the pass."""
    api.fail("scaledobjects", status, verb=verb, message=message)
    one = scaled_object("web")
    with pytest.raises(kind):
        cluster.get(one["apiVersion"], "scaledobjects", "shop", "web") if verb == "get" else cluster.apply(
            one
        )


def test_a_server_that_is_away_is_said_to_be_and_found_again(api: ApiServer, cluster: Cluster) -> None:
    """A restart of the API server needs none of ours."""
    cluster.version()
    api.down()
    with pytest.raises(ClusterUnreachable, match=rf"API server at {api.url} does not answer: .*refused"):
        cluster.version()
    api.up()
    assert (1, 36) == cluster.version()


def test_a_server_that_hangs_does_not_hold_us(api: ApiServer) -> None:
    """A request ends in time, and is not tried again."""
    api.hang()
    began = time.monotonic()
    with (
        Cluster.of(api.configuration(), seconds=0.1) as cluster,
        pytest.raises(ClusterUnreachable, match="does not answer: Read timed out"),
    ):
        cluster.version()
    assert time.monotonic() - began < 2
    assert 1 == len(api.requests)


def test_a_server_that_drips_does_not_hold_us() -> None:
    """An answer that never ends is given up, though something comes all the time."""

    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.01)
            yield b" " * 1000

    with (
        serve(lambda _: Reply(200, drip(), length=10**9)) as server,
        Cluster.of(Configuration(host=server.url), seconds=0.1) as cluster,
        pytest.raises(ClusterUnreachable, match="not complete in time"),
    ):
        cluster.version()


def test_a_dropped_connection_is_tried_again(api: ApiServer, cluster: Cluster) -> None:
    """A load balancer that closes idle connections costs nobody a cycle."""
    cluster.version()
    api.hang_up(times=1)
    assert (1, 36) == cluster.version()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"<html>Sign in</html>", id="a login page"),
        pytest.param(b"[1, 2]", id="a list"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="bytes"),
        pytest.param(b"{}", id="another API"),
    ],
)
def test_what_is_no_kubernetes_is_told_from_one(api: ApiServer, cluster: Cluster, raw: bytes) -> None:
    """A wrong address is not taken for an empty cluster."""
    api.raw["/version"] = (200, raw)
    with pytest.raises(ClusterUnreachable, match="check the address"):
        cluster.version()


def test_a_page_of_html_instead_of_a_status_is_quoted() -> None:
    """A proxy's own failure is shown as it is."""

    def proxy(_: Request) -> Reply:
        return Reply(502, [b"<html>Bad gateway</html>"])

    with (
        serve(proxy) as server,
        Cluster.of(Configuration(host=server.url)) as cluster,
        pytest.raises(ClusterUnreachable, match="HTTP 502: <html>Bad gateway"),
    ):
        cluster.version()


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../../v1/secrets/x", "a%2fb"])
def test_what_a_user_wrote_leads_nowhere_else(api: ApiServer, cluster: Cluster, name: str) -> None:
    """A name or apiVersion is one part of a path, or is refused before anything is sent."""
    asked: list[Callable[[], object]] = [
        lambda: cluster.get_scale("apps/v1", "deployments", "shop", name),
        lambda: cluster.get("apps/v1", "deployments", name, "web"),
        lambda: cluster.plural_of(f"{name}/v1", "Deployment"),
        lambda: cluster.plural_of(f"apps/{name}", "Deployment"),
    ]
    for ask in asked:
        with pytest.raises(ClusterMissing):
            ask()
    assert all(one.path.count("/") <= 3 and ".." not in one.path for one in api.requests)


def test_requests_are_counted_by_verb_resource_and_code(api: ApiServer) -> None:
    """How much a cycle costs the API server can be read off a gauge."""
    registry = CollectorRegistry()
    api.store.put(deployment("web"))
    with Cluster.of(api.configuration(), counter=request_counter(registry)) as cluster:
        names(cluster)
        api.fail("heliostargets/status", 403)
        with pytest.raises(ClusterForbidden):
            cluster.patch_status("shop", "web", {})
        api.down()
        with pytest.raises(ClusterUnreachable):
            cluster.version()

    def count(verb: str, resource: str, code: str) -> float | None:
        labels = {"verb": verb, "resource": resource, "code": code}
        return registry.get_sample_value("helios_kubernetes_requests_total", labels)

    counts = [
        count("list", "deployments", "200"),
        count("patch", "heliostargets/status", "403"),
        count("get", "version", "none"),
    ]
    assert [1.0, 1.0, 1.0] == counts


def test_credentials_that_cannot_be_renewed_are_an_error_of_ours(api: ApiServer) -> None:
    """A token file that vanished for a moment ends no thread."""
    configuration = api.configuration()

    def vanished(_: object) -> None:
        raise FileNotFoundError("/var/run/secrets/token")

    configuration.api_key["BearerToken"] = "bearer old"
    configuration.refresh_api_key_hook = vanished  # type: ignore[assignment]
    with (
        Cluster.of(configuration) as cluster,
        pytest.raises(ClusterUnreachable, match=r"credentials cannot be read .*secrets/token"),
    ):
        cluster.version()


# the end


@contextmanager
def listing(cluster: Cluster) -> Iterator[list[str]]:
    """List in another thread meanwhile; what it ended with, and it must end within two seconds."""
    said: list[str] = []

    def work() -> None:
        try:
            names(cluster)
            said.append("listed")
        except ClusterUnreachable as error:
            said.append(str(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield said
    thread.join(2.0)


def until(true: Callable[[], bool]) -> None:
    """Wait for what happens in another thread."""
    deadline = time.monotonic() + 5
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert true()


def closed(url: str) -> list[str]:
    return [f"list deployments: the API server at {url} is not asked any more: the door to it is closed"]


def test_a_door_that_is_closed_ends_a_list_that_hangs(api: ApiServer) -> None:
    """A graceful stop does not wait for a server that says nothing, and does not ask it again."""
    api.hang()
    cluster = Cluster.of(api.configuration())
    with listing(cluster) as said:
        until(lambda: len(api.requests) == 1)
        cluster.close()
    assert (closed(api.url), 1) == (said, len(api.requests))


@pytest.mark.parametrize("tls", [False, True])
def test_a_door_that_is_closed_ends_an_answer_under_way(tls: bool, tmp_path: Path) -> None:
    """However the bytes come, and in whatever they are wrapped."""
    begun, go_on = threading.Event(), threading.Event()

    def drip() -> Iterator[bytes]:
        yield b'{"items": ['
        begun.set()
        go_on.wait(10)

    made = certificates(tmp_path)
    context = made.server_context(wants_client=False) if tls else None
    with serve(lambda _: Reply(200, drip(), length=10**9), context) as server:
        configuration = Configuration(host=server.url)
        configuration.ssl_ca_cert = str(made.ca)
        cluster = Cluster.of(configuration)
        with listing(cluster) as said:
            assert begun.wait(5)
            cluster.close()
        go_on.set()
    assert (closed(server.url), 1) == (said, len(server.requests))


def test_a_door_that_is_closed_ends_a_list_after_its_page(api: ApiServer, cluster: Cluster) -> None:
    """What has come is not lost, nothing more is asked for, and so it is for whatever comes later."""
    api.page = 2
    api.store.put(*(deployment(f"web-{i}") for i in range(6)))
    rest = cluster.list(*DEPLOYMENTS)
    found = [next(rest)["metadata"]["name"]]
    cluster.close()
    found += [next(rest)["metadata"]["name"]]
    with pytest.raises(ClusterUnreachable, match="the door to it is closed"):
        next(rest)
    with pytest.raises(ClusterUnreachable, match=r"get version: .* the door to it is closed"):
        cluster.version()
    assert (["web-0", "web-1"], 1) == (found, len(api.requests))


def test_a_door_that_is_closed_renews_no_credentials(api: ApiServer) -> None:
    """A log-in that takes its time would hold the stop."""
    renewed: list[object] = []
    configuration = api.configuration()
    configuration.api_key["BearerToken"] = "bearer old"
    configuration.refresh_api_key_hook = renewed.append  # type: ignore[assignment]
    cluster = Cluster.of(configuration)
    cluster.version()
    cluster.close()
    with pytest.raises(ClusterUnreachable, match="closed"):
        cluster.version()
    assert 1 == len(renewed)

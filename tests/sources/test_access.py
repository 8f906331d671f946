"""What opens a Prometheus: each way of authentication against a real server that checks it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helios.errors import SettingsError
from helios.sources.access import Access
from helios.sources.clients import Client, Fault, QueryFailed
from scoring.errors import SourceUnavailable
from tests.sources.certificates import certificates
from tests.sources.web_servers import Answer, Reply, Request, error, result, serve


def guarded(name: str, value: str) -> Answer:
    """A server that lets in only who sends this header."""

    def answer(request: Request) -> Reply:
        if request.headers.get(name) != value:
            return error(401, "unauthorized", "who are you?")
        return result("vector", [])

    return answer


def ask(access: Access) -> int:
    """How many series one query brings."""
    client = Client.to(access)
    try:
        return client.instant("test", "up", len)
    finally:
        client.close()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_bearer_token_opens_the_server() -> None:
    """The token is sent with each request."""
    with serve(guarded("Authorization", "Bearer s3cret")) as server:
        assert ask(Access(url=server.url, bearer_token="s3cret")) == 0  # noqa: S106 - a test's own token


def test_a_wrong_token_is_told_without_printing_it() -> None:
    """The error names status and remedy, never the secret."""
    access = Access(url="http://localhost", bearer_token="hidden-one")  # noqa: S106 - a test's own token
    assert "hidden-one" not in repr(access)
    with serve(guarded("Authorization", "Bearer right")) as server:
        with pytest.raises(QueryFailed, match=r"HTTP 401: who are you\?: check token") as caught:
            ask(Access(url=server.url, bearer_token="hidden-one"))  # noqa: S106 - a test's own token
        assert caught.value.fault is Fault.UNREACHABLE
        assert "hidden-one" not in str(caught.value)


def test_a_rotated_token_file_is_read_again(tmp_path: Path) -> None:
    """A service-account token that the kubelet replaces keeps working."""
    file = tmp_path / "token"
    file.write_text("first\n", encoding="utf-8")
    wanted = {"now": "first"}

    def answer(request: Request) -> Reply:
        return guarded("Authorization", f"Bearer {wanted['now']}")(request)

    with serve(answer) as server:
        client = Client.to(Access(url=server.url, bearer_token_file=file))
        assert client.instant("test", "up", len) == 0
        file.write_text("second\n", encoding="utf-8")
        os.utime(file, ns=(1, 1))
        wanted["now"] = "second"
        assert client.instant("test", "up", len) == 0
        file.unlink()
        with pytest.raises(SourceUnavailable, match="cannot read bearer_token_file"):
            client.instant("test", "up", len)
        client.close()


@pytest.mark.parametrize("from_file", [False, True], ids=["value", "file"])
def test_user_and_password_open_the_server(tmp_path: Path, from_file: bool) -> None:
    """Basic authentication, the password given or in a file, beyond ASCII too."""
    file = tmp_path / "password"
    file.write_text("pässword\n", encoding="utf-8")
    with serve(guarded("Authorization", basic("helios", "pässword"))) as server:
        given = {"password_file": file} if from_file else {"password": "pässword"}
        assert ask(Access(url=server.url, username="helios", **given)) == 0


def test_extra_headers_and_parameters_reach_every_request() -> None:
    """A Mimir tenant and Thanos' refusal of partial answers."""
    with serve(guarded("X-Scope-OrgID", "team-a")) as server:
        access = Access(
            url=f"{server.url}/prom/",
            headers={"X-Scope-OrgID": "team-a"},
            parameters={"partial_response": "false"},
        )
        assert ask(access) == 0
        assert server.requests[0].path == "/prom/api/v1/query"
        assert server.requests[0].parameters["partial_response"] == "false"
        assert server.requests[0].parameters["timeout"] == "30s"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_where_a_redirect_leads_is_told_and_gets_no_header(status: int) -> None:
    """Whatever a header opens here is not for others; what the address carries may be secret as well."""
    with serve(lambda _: result("vector", [])) as other:
        place = f"{other.url}/login?state=s3cret"
        with serve(lambda _: Reply(status, [], {"Location": place})) as server:
            with pytest.raises(
                QueryFailed, match=f"redirects to {other.url}/login, and no redirect is"
            ) as caught:
                ask(Access(url=server.url, headers={"X-Api-Key": "k3y"}))
            assert 1 == len(server.requests)
        assert [] == other.requests
    assert Fault.UNREACHABLE is caught.value.fault
    assert "s3cret" not in str(caught.value)


def test_a_netrc_file_adds_no_credentials(tmp_path: Path) -> None:
    """Nobody's home folder decides who we are."""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    program = (
        "import sys; from helios.sources.access import Access; from helios.sources.clients import Client;"
        "Client.to(Access(url=sys.argv[1])).instant('test', 'up', len)"
    )
    with serve(lambda _: result("vector", [])) as server:
        subprocess.run(
            [sys.executable, "-c", program, server.url], check=True, env={**os.environ, "NETRC": str(file)}
        )
        assert "Authorization" not in server.requests[0].headers


def test_client_certificates_open_the_server(tmp_path: Path) -> None:
    """MTLS with a private authority; the key apart or in the certificate's file."""
    made = certificates(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(made.client.read_bytes() + made.client_key.read_bytes())
    with serve(lambda _: result("vector", []), made.server_context(wants_client=True)) as server:
        assert (
            ask(Access(url=server.url, ca_file=made.ca, cert_file=made.client, key_file=made.client_key)) == 0
        )
        assert ask(Access(url=server.url, ca_file=made.ca, cert_file=both)) == 0
        with pytest.raises(QueryFailed) as caught:
            ask(Access(url=server.url, ca_file=made.ca))
        assert caught.value.fault is Fault.UNREACHABLE


def test_an_unknown_authority_is_told_with_its_remedy(tmp_path: Path) -> None:
    """The server's certificate is checked unless that is turned off."""
    made = certificates(tmp_path)
    with (
        serve(lambda _: result("vector", []), made.server_context(wants_client=False)) as server,
        pytest.raises(QueryFailed, match=r"TLS failed .*certificate verify failed.*: check ca_file"),
    ):
        ask(Access(url=server.url))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verification_can_be_turned_off(tmp_path: Path) -> None:
    """For a first look at a cluster with certificates of its own."""
    made = certificates(tmp_path)
    with serve(lambda _: result("vector", []), made.server_context(wants_client=False)) as server:
        assert ask(Access(url=server.url, verify=False)) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"url": "prometheus:9090"}, "is not an http", id="no scheme"),
        pytest.param({"url": "http://"}, "is not an http", id="no host"),
        pytest.param({"url": "http://a:b@c"}, "holds a user or password", id="password in url"),
        pytest.param({"url": "http://a/api/v1/"}, "ends with /api/v1", id="api path"),
        pytest.param({"url": "http://a?x=1"}, "query or fragment", id="query"),
        pytest.param({"url": "http://a:port"}, "cannot be read", id="port"),
        pytest.param({"bearer_token": "a", "username": "b", "password": "c"}, "both set", id="two ways"),
        pytest.param({"bearer_token": "a", "bearer_token_file": "b"}, "keep the file", id="token twice"),
        pytest.param(
            {"username": "a", "password": "a", "password_file": "b"}, "keep the file", id="password twice"
        ),
        pytest.param({"password": "a"}, "without a username", id="no user"),
        pytest.param({"username": "a"}, "without a password", id="no password"),
        pytest.param({"key_file": "a"}, "without cert_file", id="no certificate"),
        pytest.param({"ca_file": "a", "verify": False}, "verify is false", id="verify"),
        pytest.param({"timeout_seconds": 0}, "timeout_seconds is 0", id="time-out"),
    ],
)
def test_impossible_settings_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    """Each names the setting and the remedy."""
    with pytest.raises(SettingsError, match=message):
        Access(**{"url": "http://prometheus:9090"} | settings)


def test_a_missing_file_is_refused_at_start() -> None:
    """A typing error in a path shows before the first cycle."""
    with pytest.raises(SettingsError, match="bearer_token_file /nowhere/token does not exist"):
        Client.to(Access(url="http://prometheus:9090", bearer_token_file="/nowhere/token"))  # noqa: S106 - a path


def test_an_empty_token_file_is_told(tmp_path: Path) -> None:
    """An empty secret is not sent as a token."""
    file = tmp_path / "token"
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(SourceUnavailable, match="is empty"):
        ask(Access(url="http://127.0.0.1:9", bearer_token_file=file))

"""Google credentials for Managed Prometheus, against a server that checks the token."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, RefreshError

from helios.errors import SettingsError
from helios.sources.access import Access
from helios.sources.clients import Client
from helios.sources.google import google_auth, is_managed, managed_url
from scoring.errors import SourceUnavailable
from tests.sources.web_servers import Reply, Request, error, result, serve


class Renewed(Credentials):
    """Credentials that get a token on first use and a new one when it is taken away."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # google-auth is untyped
        self.fetched = 0
        self._fails = fails

    def refresh(self, request: Any) -> None:
        """Fetch a token."""
        if self._fails:
            raise RefreshError("permission denied")  # type: ignore[no-untyped-call] # google-auth is untyped
        self.fetched += 1
        self.token = f"token-{self.fetched}"


def test_each_request_carries_a_fresh_token() -> None:
    """The token is fetched once, used until it ends, and fetched anew."""
    credentials = Renewed()

    def answer(request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer token-{credentials.fetched}":
            return error(401, "unauthorized", "no")
        return result("vector", [])

    with serve(answer) as server:
        client = Client.to(Access(url=server.url), google_auth(credentials))
        assert client.instant("test", "up", len) == 0
        assert client.instant("test", "up", len) == 0
        assert credentials.fetched == 1
        credentials.token = None
        assert client.instant("test", "up", len) == 0
        assert credentials.fetched == 2
        client.close()


def test_a_token_that_cannot_be_fetched_is_an_outage_with_a_remedy() -> None:
    """The loop goes on and the user reads which role is missing."""
    with serve(lambda _: result("vector", [])) as server:
        client = Client.to(Access(url=server.url), google_auth(Renewed(fails=True)))
        with pytest.raises(SourceUnavailable, match=r"permission denied.*roles/monitoring\.viewer"):
            client.instant("test", "up", len)
        client.close()


def test_the_missing_extra_is_named() -> None:
    """A project without google-auth is refused at start with what to install."""

    def load(name: str) -> ModuleType:
        raise ImportError(name)

    with pytest.raises(SettingsError, match=r"install helios-autoscaler\[gcp\]"):
        google_auth(load=load)


def test_absent_credentials_are_named() -> None:
    """A project without credentials is refused at start with where they may come from."""

    class Without:
        """google.auth on a machine that has none."""

        def default(self, scopes: list[str]) -> None:
            raise DefaultCredentialsError(f"none for {scopes}")  # type: ignore[no-untyped-call] # google-auth is untyped

    def load(name: str) -> Any:
        return Without() if name == "google.auth" else importlib.import_module(name)

    with pytest.raises(SettingsError, match="GOOGLE_APPLICATION_CREDENTIALS"):
        google_auth(load=load)


def test_a_project_has_its_own_address() -> None:
    """Managed Prometheus is found by the project's id alone."""
    expected = "https://monitoring.googleapis.com/v1/projects/my-project/location/global/prometheus"
    assert expected == Access(url=managed_url("my-project")).base_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(managed_url("my-project"), True, id="managed"),
        pytest.param("http://prometheus.monitoring:9090", False, id="in the cluster"),
        pytest.param("http://monitoring.googleapis.com", False, id="not encrypted"),
        pytest.param("https://monitoring.googleapis.com.example.org", False, id="a look-alike"),
    ],
)
def test_only_google_is_sent_a_google_token(url: str, expected: bool) -> None:
    """A project id beside a Prometheus of one's own gives nothing away."""
    assert expected is is_managed(url)

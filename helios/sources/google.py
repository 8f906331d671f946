"""Google credentials for Managed Service for Prometheus: authentication only, the API is Prometheus' own.

`google-auth` is the optional extra `gcp`; nothing here is imported from it until a project is configured.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from helios.errors import SettingsError
from scoring.errors import SourceUnavailable

SCOPE = "https://www.googleapis.com/auth/monitoring.read"
TOKEN_SECONDS = 10.0
"""How long fetching a token may take."""

Load = Callable[[str], ModuleType]


def managed_url(project: str) -> str:
    """The query address of a project's Managed Prometheus."""
    return f"https://monitoring.googleapis.com/v1/projects/{project}/location/global/prometheus"


def is_managed(url: str) -> bool:
    """Whether an address is Google's own: no other may be sent a Google token."""
    parts = urlsplit(url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(".googleapis.com")


class GoogleAuth(AuthBase):
    """Signs each request with Google credentials, fetching a new token when the old one ends."""

    def __init__(self, credentials: Any, fetch: Any, failure: type[Exception]) -> None:
        self._credentials = credentials
        self._fetch = fetch
        self._failure = failure

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        try:
            self._credentials.before_request(self._fetch, request.method, request.url, request.headers)
        except self._failure as error:
            raise SourceUnavailable(
                f"no token for Managed Prometheus: {error}: may the service account read monitoring "
                "(roles/monitoring.viewer, Workload Identity)?"
            ) from error
        return request


def google_auth(credentials: Any = None, *, load: Load = importlib.import_module) -> GoogleAuth:
    """Google authentication for `open_session`.

    Args:
        credentials: a `google.auth.credentials.Credentials`; None takes the application default credentials
            (Workload Identity, a key file named by GOOGLE_APPLICATION_CREDENTIALS, gcloud).
        load: imports a module; a test passes another.

    Raises:
        SettingsError: `google-auth` is not installed, or no credentials are to be found.
    """
    try:
        auth, failures, transport = (
            load(f"google.auth{part}") for part in ("", ".exceptions", ".transport.requests")
        )
    except ImportError as error:
        raise SettingsError(
            "GCP_PROJECT_ID is set but google-auth is not installed: install helios-autoscaler[gcp], or unset it"
        ) from error
    if credentials is None:
        try:
            credentials, _ = auth.default(scopes=[SCOPE])
        except failures.DefaultCredentialsError as error:
            raise SettingsError(
                "GCP_PROJECT_ID is set but no Google credentials were found: use Workload Identity, or set "
                "GOOGLE_APPLICATION_CREDENTIALS"
            ) from error
    fetch = partial(transport.Request(), timeout=TOKEN_SECONDS)
    return GoogleAuth(credentials, fetch, failures.GoogleAuthError)

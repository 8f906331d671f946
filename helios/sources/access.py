"""How to reach a Prometheus: address, credentials, certificates, time-out.

Turns plain settings into a `requests.Session` that carries them on every request. It sends no query itself, and it
keeps no secret in an error, a `repr` or a log line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from helios.errors import SettingsError
from helios.sources.sessions import BoundedSession
from scoring.errors import SourceUnavailable

File = str | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a Prometheus-compatible API is and what opens it.

    Attributes:
        url: base address, without `/api/v1`; may have a path (Mimir, a reverse proxy).
        bearer_token: a token, sent as `Authorization: Bearer …`.
        bearer_token_file: a file holding it; read again whenever it changes (rotated service-account tokens).
        username: user of basic authentication.
        password: its password.
        password_file: a file holding the password; read again whenever it changes.
        cert_file: the client's certificate for mTLS (PEM; may hold the key too).
        key_file: the client's key (PEM, not encrypted).
        ca_file: the authorities to trust instead of the usual ones (PEM).
        headers: sent with every request, for instance `X-Scope-OrgID`.
        parameters: added to every query, for instance Thanos' `partial_response: "false"`.
        verify: whether the server's certificate is checked.
        timeout_seconds: within this a request is answered in full, or given up.
    """

    url: str
    bearer_token: str | None = field(default=None, repr=False)
    bearer_token_file: File | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: File | None = None
    cert_file: File | None = None
    key_file: File | None = None
    ca_file: File | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    verify: bool = True
    timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        for wrong in (*_url_faults(self.url), *self._conflicts()):
            raise SettingsError(f"Prometheus: {wrong}")

    @property
    def base_url(self) -> str:
        """The address without a trailing slash."""
        return self.url.rstrip("/")

    def _conflicts(self) -> list[str]:
        basic = self.username is not None
        bearer = self.bearer_token is not None or self.bearer_token_file is not None
        password = self.password is not None or self.password_file is not None
        rules = [
            (basic and bearer, "username and a bearer token are both set: keep one of them"),
            (
                self.bearer_token is not None and self.bearer_token_file is not None,
                "bearer_token and bearer_token_file are both set: keep the file",
            ),
            (
                self.password is not None and self.password_file is not None,
                "password and password_file are both set: keep the file",
            ),
            (password and not basic, "a password is set without a username: set username"),
            (basic and not password, "username is set without a password: set password_file"),
            (
                self.key_file is not None and self.cert_file is None,
                "key_file is set without cert_file: set the client's certificate too",
            ),
            (
                not self.verify and self.ca_file is not None,
                "verify is false although ca_file is set: leave verify at true",
            ),
            (
                not 0 < self.timeout_seconds <= 3600,
                f"timeout_seconds is {self.timeout_seconds}: give seconds between 0 and 3600",
            ),
        ]
        return [sentence for broken, sentence in rules if broken]


class Secret:
    """A secret given directly, or kept in a file that others may rotate."""

    def __init__(self, name: str, value: str | None, file: File | None) -> None:
        self._name = name
        self._value = value
        self._file = Path(file) if file is not None else None
        self._seen: tuple[int, int] | None = None

    def read(self) -> str:
        """The secret as it is now.

        Raises:
            SourceUnavailable: its file is gone or empty just now.
        """
        if self._file is not None:
            try:
                status = self._file.stat()
                if self._seen != (status.st_mtime_ns, status.st_size):
                    self._value = self._file.read_text(encoding="utf-8").strip()
                    self._seen = (status.st_mtime_ns, status.st_size)
            except (OSError, UnicodeDecodeError) as error:
                raise SourceUnavailable(
                    f"cannot read {self._name} {self._file}: {error}: is the secret mounted?"
                ) from error
        if not self._value:
            raise SourceUnavailable(f"{self._name} {self._file or ''} is empty: put the secret into it")
        return self._value


class BearerAuth(AuthBase):
    """Sends the token of the moment with each request."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        request.headers["Authorization"] = f"Bearer {self._token()}"
        return request


class PasswordAuth(AuthBase):
    """Sends user and the password of the moment with each request."""

    def __init__(self, username: str, password: Callable[[], str]) -> None:
        self._username = username
        self._password = password

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        basic = HTTPBasicAuth(self._username.encode(), self._password().encode())
        signed: requests.PreparedRequest = basic(request)
        return signed


class OpenAuth(AuthBase):
    """Sends nothing; being set, it keeps a `.netrc` file from adding credentials that nobody configured."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Leave the request as it is."""
        return request


def open_session(access: Access, auth: AuthBase | None = None) -> requests.Session:
    """A session that carries `access` on every request.

    Args:
        access: the settings.
        auth: signs requests instead of the tokens and passwords in `access` (Google).

    Raises:
        SettingsError: a file that is named does not exist.
    """
    for name in ("bearer_token_file", "password_file", "cert_file", "key_file", "ca_file"):
        file = getattr(access, name)
        if file is not None and not Path(file).is_file():
            raise SettingsError(f"Prometheus: {name} {file} does not exist: mount it, or correct the path")
    session = BoundedSession(access.timeout_seconds)
    session.headers.update(access.headers)
    session.params = dict(access.parameters)
    session.auth = auth or _auth(access)
    session.verify = str(access.ca_file) if access.ca_file is not None else access.verify
    if access.cert_file is not None:
        cert, key = str(access.cert_file), access.key_file
        session.cert = (cert, str(key)) if key is not None else cert
    return session


def _auth(access: Access) -> AuthBase:
    if access.username is not None:
        secret = Secret("password_file", access.password, access.password_file)
        return PasswordAuth(access.username, secret.read)
    if access.bearer_token is not None or access.bearer_token_file is not None:
        return BearerAuth(Secret("bearer_token_file", access.bearer_token, access.bearer_token_file).read)
    return OpenAuth()


def _url_faults(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return [f"url cannot be read ({error}): give an address such as http://prometheus:9090"]
    if parts.username is not None or parts.password is not None:
        return ["url holds a user or password: put them into username and password_file"]
    rules = [
        (
            parts.scheme not in {"http", "https"} or not parts.hostname,
            f"url {url!r} is not an http(s) address: give one such as http://prometheus:9090",
        ),
        (
            bool(parts.query or parts.fragment),
            f"url {url!r} holds a query or fragment: put query parameters into parameters",
        ),
        (
            parts.path.rstrip("/").endswith("/api/v1"),
            f"url {url!r} ends with /api/v1: give the part before it",
        ),
    ]
    return [sentence for broken, sentence in rules if broken]

"""From the settings to a client of the Prometheus that they name. Nothing is sent from here."""

from __future__ import annotations

from helios.errors import SettingsError
from helios.settings import Prometheus
from helios.sources.access import Access
from helios.sources.clients import Client
from helios.sources.google import google_auth, is_managed, managed_url


def address(p: Prometheus) -> str:
    """Where it is.

    Raises:
        SettingsError: no address is set.
    """
    url = p.url or (managed_url(p.gcp_project_id) if p.gcp_project_id else None)
    if url is None:
        raise SettingsError(
            "prometheus.url is not set: name your Prometheus (HELIOS_PROMETHEUS_URL, or prometheus.url in the file), "
            "a Google project (GCP_PROJECT_ID), or a trace to replay (replay.path)"
        )
    return url


def connected(p: Prometheus, *, most_seconds: float = 600.0) -> Client:
    """A client of it.

    Args:
        p: the settings.
        most_seconds: patience for an answer, where the settings have more.

    Raises:
        SettingsError: no address is set, or a file that is named does not exist.
    """
    url = address(p)
    access = Access(
        url=url,
        bearer_token_file=p.bearer_token_file,
        username=p.username,
        password_file=p.password_file,
        cert_file=p.cert_file,
        key_file=p.key_file,
        ca_file=p.ca_file,
        headers=p.headers,
        parameters=p.parameters,
        verify=p.verify,
        timeout_seconds=min(p.timeout_seconds, most_seconds),
    )
    # a token of Google's is for Google: another address of the user's never gets it
    return Client.to(access, google_auth() if is_managed(url) else None)

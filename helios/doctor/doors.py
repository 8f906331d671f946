"""The doctor's ways to the outside, opened when they are first used and closed together: the cluster, and two Prometheus.

With less patience than the operator has: a person waits.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from os import environ
from typing import Self

from helios.doctor.checks import Skipped
from helios.doctor.stores import Store
from helios.operator.clusters import Cluster
from helios.operator.connections import configuration
from helios.operator.transports import PERSONS, Transport
from helios.settings import Settings
from helios.sources.access import Access
from helios.sources.clients import Client
from helios.sources.connections import address, connected

SECONDS = 10.0
"""For one answer."""
LIST_SECONDS = 30.0
"""For a whole list."""


class Doors:
    """What the settings name."""

    def __init__(self, settings: Settings, cluster: Callable[[], Cluster]) -> None:
        """Nothing is opened yet; `cluster` opens one."""
        self._settings, self._open = settings, cluster
        self._stack = ExitStack()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """By the settings and the environment of this process."""

        def cluster() -> Cluster:
            found = configuration(settings.operator.context, environ)
            return Cluster(Transport(found, seconds=SECONDS, remedy=PERSONS), list_seconds=LIST_SECONDS)

        return cls(settings, cluster)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def cluster(self) -> Cluster:
        """The cluster.

        Raises:
            SettingsError: there is neither a service account nor a usable kube config.
        """
        return self._cluster

    def prometheus(self) -> Store:
        """The Prometheus that Helios reads.

        Raises:
            SettingsError: none is named, or a file of its credentials does not exist.
        """
        return self._prometheus

    def keda(self) -> Store:
        """The Prometheus that KEDA reads the signal from, if it is another address; without KEDA's credentials.

        Raises:
            Skipped: it is the same, or none is named.
            SettingsError: the address is none.
        """
        url = self._settings.keda.server_address
        if url is None:
            raise Skipped("keda.server_address is not set")
        if url.rstrip("/") == (self._settings.prometheus.url or "").rstrip("/"):
            raise Skipped(f"KEDA asks where Helios does: {url}")
        return self._keda

    @cached_property
    def _cluster(self) -> Cluster:
        return self._stack.enter_context(self._open())

    @cached_property
    def _prometheus(self) -> Store:
        prometheus = self._settings.prometheus
        client = connected(prometheus, most_seconds=SECONDS)
        return Store(self._closing(client), address(prometheus))

    @cached_property
    def _keda(self) -> Store:
        url = str(self._settings.keda.server_address)
        client = Client.to(Access(url=url, timeout_seconds=SECONDS))
        return Store(self._closing(client), url)

    def _closing(self, client: Client) -> Client:
        self._stack.callback(client.close)
        return client

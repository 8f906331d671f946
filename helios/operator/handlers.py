"""kopf's part: it watches HeliosTargets and hands each one over. Nothing is decided, written or waited for here.

`on.event` alone, as it puts no finalizer on an object, sends no PATCH and costs one short call; timers and daemons cost two
tasks and a PATCH for each target. What kopf does not tell (what vanished while it was away) the lister finds.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import kopf
import structlog
from kubernetes.client.configuration import Configuration

from helios.operator.registries import Registry
from helios.operator.resources import GROUP, PLURAL, VERSION

CHUNK = 500
BACKOFF_SECONDS = 5.0

log = structlog.get_logger("helios.operator")


def watching(
    registry: Registry, connection: Callable[[], kopf.ConnectionInfo], relisted: Callable[[], None]
) -> kopf.OperatorRegistry:
    """The handlers, in a registry of their own.

    Args:
        registry: whom to tell.
        connection: how to reach the API server; asked again when credentials are refused.
        relisted: called when kopf has listed anew, as it does when it had lost the watch.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return connection()

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)
    async def seen(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's own name
        registry.see(_plain(body), deleted=type == "DELETED")
        if type is None:
            relisted()

    return handlers


def watch(handlers: kopf.OperatorRegistry, stop: threading.Event) -> None:
    """Run kopf in this thread until `stop` is set; should it end by itself, begin again after a while."""
    while not stop.is_set():
        try:
            asyncio.run(
                kopf.operator(
                    registry=handlers,
                    settings=_settings(),
                    # kopf would make one of the user's name, and a pod's user may have none
                    identity="helios",  # type: ignore[arg-type] # a str; the name of its type is not public
                    standalone=True,
                    clusterwide=True,
                    stop_flag=stop,
                )
            )
        except (Exception, asyncio.CancelledError):
            log.exception("the watch ended; it begins again")
        if not stop.is_set():
            stop.wait(BACKOFF_SECONDS)


def connection(configuration: Configuration) -> kopf.ConnectionInfo:
    """The client's own way to the API server, in kopf's words; a token is read anew, as it may have been renewed."""
    header = str(configuration.auth_settings().get("BearerToken", {}).get("value") or "")
    scheme, _, token = header.partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        username=configuration.username or None,
        password=configuration.password or None,
        scheme=scheme or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # Events are ours, told once
    settings.scanning.disabled = True  # the kind is known: no watch over CRDs and namespaces
    settings.watching.chunk_size = CHUNK
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.process.ultimate_exiting_timeout = None  # it would end the whole process, the loop with it
    settings.queueing.idle_timeout = (
        1.0  # a worker per object that lately changed; a fleet's first list must not keep them
    )
    return settings


def _plain(body: kopf.Body) -> dict[str, Any]:
    """The object as JSON gave it."""
    return {key: body.get(key) for key in ("metadata", "spec", "status")}

"""uvicorn, told to end open streams before it waits for them."""

from __future__ import annotations

import asyncio
import logging
import socket

import uvicorn

from helios.api.apps import HeliosApi


class ApiServer(uvicorn.Server):
    """A server whose shutdown does not wait for a page left open.

    Args:
        config: uvicorn's.
        closing: set at the beginning of the shutdown.
    """

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event) -> None:
        super().__init__(config)
        self.closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then shut down as uvicorn does."""
        self.closing.set()
        await super().shutdown(sockets)


def build_server(app: HeliosApi, *, host: str, port: int) -> ApiServer:
    """A server for the app; `run()` blocks, `should_exit = True` (or a signal in the main thread) ends it.

    Logging is left as it is: see `helios.logs`. Single requests are logged at DEBUG only.

    Args:
        app: the app.
        host: the address to listen on.
        port: the port; 0 takes a free one.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=logging.getLogger("uvicorn.access").isEnabledFor(logging.DEBUG),
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return ApiServer(config, app.closing)

"""A way to a server that can go silent: connections stay open and nothing comes through, as when a network loses packets."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self
from urllib.parse import urlsplit

from tests.cluster.processes import LOOPBACK

_PIECE = 2**16


class Proxy:
    """Passes TCP on to `url` while the block lasts.

    Attributes:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._to = (split.hostname or LOOPBACK, split.port or 80)
        self._listener = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        self._open = threading.Event()
        self._open.set()
        self._sockets: list[socket.socket] = []

    def hang(self) -> None:
        """From now on nothing comes through."""
        self._open.clear()

    def heal(self) -> None:
        """What is waiting comes through, and all that follows."""
        self._open.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._to, timeout=5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                self._sockets += [client, server]
                for frm, to in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(frm, to), daemon=True).start()

    def _pump(self, frm: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := frm.recv(_PIECE):
                self._open.wait()
                to.sendall(piece)
        for one in (frm, to):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

"""A way to a server that can fail, as a network does: refused, or silent while connections stay open, in both directions or one."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self
from urllib.parse import urlsplit

from tests.cluster.processes import LOOPBACK, free_port

_PIECE = 2**16


class Proxy:
    """Passes TCP on to `url` while the block lasts, TLS as it is.

    Attributes:
        url: where it listens.
        source: the address that the server sees.
    """

    def __init__(self, url: str, source: str = LOOPBACK) -> None:
        """Nothing listens yet; `source` is an address on loopback, to be told from others by."""
        split = urlsplit(url)
        self._to = (split.hostname or LOOPBACK, split.port or 80)
        self._port, self.source = free_port(), source
        self.url = f"{split.scheme}://{LOOPBACK}:{self._port}"
        self._there, self._back = threading.Event(), threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener: tuple[socket.socket, threading.Thread] | None = None

    def hang(self) -> None:
        """From now on nothing comes through."""
        self._there.clear()
        self._back.clear()

    def lose_answers(self) -> None:
        """From now on what is asked arrives, and no answer comes back."""
        self._back.clear()

    def cut(self) -> None:
        """Connections end, new ones are refused."""
        if self._listener is not None:
            listener, thread = self._listener
            _end(listener)
            thread.join()  # it may just be letting one more in
            self._listener = None
        for one in self._sockets:
            _end(one)
        self._sockets.clear()

    def heal(self) -> None:
        """What is waiting comes through, and all that follows."""
        self._there.set()
        self._back.set()
        if self._listener is None:
            listener = socket.create_server((LOOPBACK, self._port))
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            self._listener = listener, thread
            thread.start()

    def __enter__(self) -> Self:
        self.heal()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._there.set()
        self._back.set()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection(self._to, timeout=5, source_address=(self.source, 0))
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                self._sockets += [client, server]
                for frm, to, way in ((client, server, self._there), (server, client, self._back)):
                    threading.Thread(target=_pump, args=(frm, to, way), daemon=True).start()


def _pump(frm: socket.socket, to: socket.socket, way: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while piece := frm.recv(_PIECE):
            way.wait()
            to.sendall(piece)
    way.wait()  # an end is not seen either
    for one in (frm, to):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _end(one: socket.socket) -> None:
    """Whoever waits on it is told."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()

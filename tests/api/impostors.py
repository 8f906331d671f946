"""Programs that listen where an operator should be, each with manners of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

from helios.api import wires

Manners = Callable[[socket.socket, str], None]
"""What a program does with a connection on which that path was asked for."""


@contextlib.contextmanager
def impostor(manners: Manners) -> Iterator[str]:
    """The address of a program that treats each request as it pleases; what it leaves open is closed in the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []
    ended = threading.Event()

    def treat(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            asked = connection.recv(65_536)
            if asked:
                manners(connection, asked.split(b" ")[1].decode())

    def listen() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                taken.append(connection)
                threading.Thread(target=treat, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    host, port = listener.getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        ended.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        for connection in taken:
            connection.close()


def raw(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An HTTP response in bytes."""
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


KNOWN = f"{wires.HEADER}: {wires.VERSION}"


def told(body: bytes, *, length: int | None = None, kind: str = "application/json") -> bytes:
    """An operator's own response; `length`: as declared, where that is not the truth."""
    declared = len(body) if length is None else length
    return raw(body, KNOWN, f"Content-Type: {kind}", f"Content-Length: {declared}")


STATUS = told(b'{"cycles": 7, "step_seconds": 300.0, "faults": {}}')


def silent(connection: socket.socket, path: str) -> None:
    """Accept, and never answer: as a stopped process does."""


def closing(connection: socket.socket, path: str) -> None:
    """Close at once."""
    connection.close()


def trickling(connection: socket.socket, path: str) -> None:
    """Send a byte now and then, for ever."""
    connection.sendall(told(b"", length=10_000))
    for _ in range(1000):
        connection.sendall(b" ")
        time.sleep(0.02)


def saying(response: bytes) -> Manners:
    """Answer everything with these bytes, and close."""

    def say(connection: socket.socket, path: str) -> None:
        connection.sendall(response)
        connection.close()

    return say


def minded(path: str, otherwise: Manners) -> Manners:
    """Tell a status as an operator does, and treat questions at `path` otherwise."""

    def treat(connection: socket.socket, asked: str) -> None:
        if asked.startswith(f"{wires.PREFIX}/{path}"):
            otherwise(connection, asked)
        else:
            saying(STATUS)(connection, asked)

    return treat

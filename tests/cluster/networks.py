"""A pod's own network: an address that only it has, its ports free, and forwarders that join it to the machine's loopback.

A network namespace has no way out, so each service that the pod may reach is passed on by name, and so is each of its
ports in the other direction. That stands for the cluster's network, its DNS and its Services: a container uses the
addresses of its manifest as they are. Two pods that are to meet are joined by a cable, a pair of virtual interfaces. It needs root.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from tests.cluster.containers import CLONE_NEWNET, call
from tests.cluster.processes import LOOPBACK, free_port

POD_IP = "10.244.0.2"
API_IP = "10.0.0.1"
"""The API server's Service is the first of `--service-cluster-ip-range`."""

_SERVICES = "10.0.1.{}"
_SET_FLAGS, _SET_ADDRESS = 0x8914, 0x8916
_UP = 0x1 | 0x40
_PIECE = 2**16

Address = tuple[str, int]
Made = TypeVar("Made")


class Network:
    """One pod's, while the block lasts.

    Attributes:
        ip: the pod's address.
        hosts: name -> address, of the services that it may reach.
    """

    def __init__(self, ip: str = POD_IP) -> None:
        self.ip = ip
        self.hosts: dict[str, str] = {}
        self._file = -1
        self._forwarders: list[Forwarder] = []

    @property
    def path(self) -> str:
        """The file of the namespace, for another process of this machine."""
        return f"/proc/{os.getpid()}/fd/{self._file}"

    def __enter__(self) -> Self:
        with ThreadPoolExecutor(1) as thread:
            self._file = thread.submit(_new_namespace, self.ip).result()
        return self

    def __exit__(self, *_: object) -> None:
        for forwarder in self._forwarders:
            forwarder.close()
        os.close(self._file)

    def connect(self, port: int, seconds: float) -> socket.socket:
        """A connection to one of the pod's ports, from its own node.

        Raises:
            OSError: nobody listens there.
        """
        made = self._inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        made.settimeout(seconds)
        try:
            made.connect((self.ip, port))
        except OSError:
            made.close()
            raise
        return made

    def publish(self, port: int) -> str:
        """Pass connections on to one of the pod's ports; where, as `address:port` on loopback."""
        listener = socket.create_server((LOOPBACK, free_port()))
        self._forwarders.append(Forwarder(listener, lambda: self.connect(port, 5)))
        address, number = listener.getsockname()[:2]
        return f"{address}:{number}"

    def reach(self, name: str, port: int, to: Address, *, address: str | None = None) -> str:
        """Let the pod reach `to`, an address on loopback, as `name:port`; the address that it has there."""
        known = self.hosts.get(name) or address or _SERVICES.format(len(self.hosts) + 1)
        if name not in self.hosts:
            self._inside(lambda: _add_address(known, len(self.hosts) + 2))
            self.hosts[name] = known
        listener = self._inside(lambda: socket.create_server((known, port)))
        self._forwarders.append(Forwarder(listener, lambda: socket.create_connection(to, timeout=5)))
        return known

    def join(self, other: Network) -> None:
        """Let two pods reach each other's addresses, all ports, by a cable between them.

        Raises:
            subprocess.CalledProcessError: `ip` would not.
        """
        here, there = "cable", "cable-there"
        for network, command in (
            (self, f"link add name {here} type veth peer name {there}"),
            (self, f"link set {there} netns {other.path}"),
            (self, f"link set {here} up"),
            (other, f"link set {there} up"),
            (self, f"route add {other.ip}/32 dev {here} src {self.ip}"),
            (other, f"route add {self.ip}/32 dev {there} src {other.ip}"),
        ):
            network._inside(lambda command=command: _ip(command))  # type: ignore[misc] # bound here

    def _inside(self, make: Callable[[], Made]) -> Made:
        """Make something in the namespace: a socket stays in the one that it was made in."""

        def made() -> Made:
            call("setns", self._file, CLONE_NEWNET)
            return make()

        with ThreadPoolExecutor(1) as thread:  # a thread of its own, which ends there
            return thread.submit(made).result()


class Forwarder:
    """Passes what comes to `listener` on to what `connect` gives, until it is closed."""

    def __init__(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._listener, self._connect = listener, connect
        self._sockets: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it, and every connection."""
        for one in (self._listener, *self._sockets):
            _end(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        try:
            server = self._connect()
        except OSError:
            _end(client)  # as a Service without endpoints: refused
            return
        for one in (client, server):
            one.settimeout(None)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets |= {client, server}
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        self._sockets -= {client, server}
        for one in (client, server):
            one.close()


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, capture_output=True, text=True, timeout=10)


def _pump(frm: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := frm.recv(_PIECE):
            to.sendall(piece)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_WR)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _new_namespace(ip: str) -> int:
    """A file of a namespace with loopback and the pod's address; called in a thread that ends."""
    call("unshare", CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))
    _add_address(ip, 1)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _add_address(address: str, number: int) -> None:
    request = struct.pack("16sHH4s8x", f"lo:{number}".encode(), socket.AF_INET, 0, socket.inet_aton(address))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_ADDRESS, request)

"""Processes that tests start, kill, stop and start again, each with a log of its own; ended by their own ids only."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.cluster.waits import Hopeless, wait_until

LOOPBACK = "127.0.0.1"
TAIL_CHARACTERS = 3000

_PORTS = range(20_000, 32_000)
"""Below the ports that outgoing connections are given: a server comes back on its own port after a kill."""


def free_port() -> int:
    """A port on loopback that nothing listens on just now."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port on loopback")


class Process:
    """One command that serves until it is ended.

    with Process("etcd", command, folder, ready=answers(url)) as etcd: …

    Attributes:
        name: also its log's.
        log: standard output and error, appended to over restarts.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        folder: Path,
        *,
        ready: Callable[[], Any] = lambda: True,
        environment: Mapping[str, str] | None = None,
        seconds: float = 60.0,
    ) -> None:
        """Nothing runs yet.

        Args:
            name: what it is.
            command: program and arguments.
            folder: where its log goes.
            ready: true once it serves; what it raises means not yet.
            environment: the whole environment; None is this process' own.
            seconds: it must be ready after these.
        """
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [*_dies_with_us(), *(str(part) for part in command)]
        self._ready = ready
        self._environment = environment
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            AssertionError: it does not run.
        """
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it serves.

        Raises:
            AssertionError: it ended or did not become ready; the end of its log stands in the message.
        """
        return self.launch().wait()

    def wait(self) -> Self:
        """Wait until it serves; errors as in `start`."""
        try:
            wait_until(self._is_ready, self._seconds, f"{self.name} is ready", every=0.1)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.tail()}") from None
        return self

    def launch(self) -> Self:
        """Start it without waiting."""
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if self._environment is None else dict(self._environment),
            )
        return self

    def stop(self, by: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int | None:
        """End it politely and wait; its exit code, None where it did not run. Killed after `seconds`."""
        if self._process is None:
            return None
        if self.running:
            self._process.send_signal(by)
        try:
            code = self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._process = None
        return code

    def kill(self) -> None:
        """End it at once (-9), as a lost node would."""
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hang: its sockets stay open, nothing answers (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        self._signal(signal.SIGCONT)

    def tail(self) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return self.log.read_text(errors="replace")[-TAIL_CHARACTERS:]

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.thaw()
        self.stop()

    def _signal(self, what: signal.Signals) -> None:
        assert self._process is not None, f"{self.name} does not run"
        self._process.send_signal(what)

    def _is_ready(self) -> bool:
        if not self.running:
            raise Hopeless(f"{self.name} ended with {self._process.returncode if self._process else None}")
        return bool(self._ready())


def _dies_with_us() -> list[str]:
    """A killed test run must not leave a control plane behind; `setpriv` execs, so the id stays the process' own."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []

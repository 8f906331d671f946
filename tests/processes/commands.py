"""The real command line as a process: started, asked over HTTP, ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

READY_SECONDS = 60.0
COMMAND = (sys.executable, "-c", "from helios.cli import main; main()")


@dataclass
class Running:
    """A started command.

    Attributes:
        url: where it says that it listens.
        lines: what it has written to its error stream.
    """

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)

    def get(self, path: str) -> httpx.Response:
        """Ask it."""
        return httpx.get(self.url + path, timeout=10)

    def wait_for(self, what: str, happened: Callable[[], Any], seconds: float = READY_SECONDS) -> Any:
        """Wait until `happened()` is true, and return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if answer := happened():
                return answer
            time.sleep(0.1)
        raise AssertionError(f"{what} did not happen:\n" + "".join(self.lines[-30:]))

    def end(self, by: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(by)
        return self.process.wait(timeout=15)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without a setting of Helios'."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HELIOS_", "GCP_"))}
    return {**kept, "COLUMNS": "200", **(more or {})}


def ran(arguments: Sequence[str], more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(more),
        check=False,
    )


@contextmanager
def started(arguments: Sequence[str], more: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start a serving command and wait for its address; it is ended with the block."""
    with subprocess.Popen(
        [*COMMAND, *arguments, "--host", "127.0.0.1", "--port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(more),
    ) as process:
        running = Running(process)

        def listen() -> None:
            if process.stderr is not None:
                for line in process.stderr:
                    running.lines.append(line)

        ear = threading.Thread(target=listen)
        ear.start()
        try:
            running.wait_for("the address", lambda: any("Helios (" in line for line in running.lines))
            said = " ".join("".join(running.lines).split())
            match = re.search(r"Helios \(.+?\) at (http://[\d.]+:\d+)/", said)
            assert match is not None, said
            running.url = match[1]
            yield running
        finally:
            process.kill() if process.poll() is None else None
            process.wait(timeout=10)
            ear.join()

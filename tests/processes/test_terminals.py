"""In a real terminal the demo shows progress, the address and the fleet, and Ctrl-C ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pexpect
import pytest

from tests.processes.commands import COMMAND, environment

pytestmark = pytest.mark.integration


class Terminal:
    """A terminal in which commands are run; all are ended with it."""

    def __init__(self) -> None:
        self._children: list[pexpect.spawn] = []

    def run(self, *arguments: str) -> pexpect.spawn:
        """Start a command."""
        child = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *arguments],
            env=environment({"TERM": "xterm"}),
            dimensions=(50, 160),
            encoding="utf-8",
            timeout=60,
        )
        self._children.append(child)
        return child

    def close(self) -> None:
        """End what still runs."""
        for child in self._children:
            child.close(force=True)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal."""
    opened = Terminal()
    yield opened
    opened.close()


def test_the_demo_in_a_terminal_shows_the_fleet_and_ends_with_ctrl_c(terminal: Terminal) -> None:
    """The address, the table of services and the cycle are shown; exit code 0 and no traceback."""
    demo = terminal.run("demo", "--port", "0")
    demo.expect(r"http://127\.0\.0\.1:\d+/")
    demo.expect("saleor/saleor-api")
    demo.expect(r"cycle \d+ .* Ctrl-C ends it")
    demo.sendintr()
    demo.expect(r"ended after \d+ cycles")
    demo.expect(pexpect.EOF)
    assert "Traceback" not in demo.before
    demo.close()
    assert (0, None) == (demo.exitstatus, demo.signalstatus)


@pytest.mark.parametrize(
    ("arguments", "first"), [(["--json"], '{"now"'), ([], "target")], ids=["json", "table"]
)
def test_cycles_printed_in_a_terminal_are_whole(terminal: Terminal, arguments: list[str], first: str) -> None:
    """Progress never mixes with what is printed."""
    demo = terminal.run("demo", "--cycles", "2", *arguments)
    demo.expect(pexpect.EOF)
    demo.close()
    assert 0 == demo.exitstatus
    assert 2 == demo.before.count(first)

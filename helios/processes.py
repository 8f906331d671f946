"""One process that serves until it is told to end: signals, and what ends in which order."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

from helios.api.apps import HeliosApi
from helios.app import served
from helios.errors import HeliosError

SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter from another: a request must not wait for a cycle."""

PATIENCE_SECONDS = 2.0
"""How long a cycle may go on after Ctrl-C before its source is cut off."""


def serve_until_told(
    api: HeliosApi,
    listener: socket.socket,
    run: Callable[[threading.Event], None],
    screen: contextlib.AbstractContextManager[None],
    cancel: Callable[[], None] = lambda: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; a cycle once begun is finished, without a source that keeps it waiting.

    Args:
        api: served from a thread.
        listener: where.
        run: the work of this thread, until the event is set. It may set it too: then all is over, and nothing is wrong.
        screen: what a person sees meanwhile.
        cancel: cuts off what keeps `run` waiting.

    Raises:
        HeliosError: the API ended by itself.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    stop, asked = threading.Event(), threading.Event()

    def ask(number: int, _: FrameType | None) -> None:
        asked.set()
        stop.set()
        threading.Timer(PATIENCE_SECONDS, cancel).start()
        signal.signal(number, signal.SIG_DFL)  # a second Ctrl-C ends it at once

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, ask)
    with served(api, listener) as thread, screen:
        threading.Thread(target=_set_after, args=(thread, stop), daemon=True).start()
        run(stop)
        stop.wait()
        alone = not thread.is_alive()
    if alone and not asked.is_set():
        raise HeliosError("the API ended by itself: its log says why")


def _set_after(thread: threading.Thread, stop: threading.Event) -> None:
    """Set `stop` when the thread has ended: a loop that nobody can ask is of no use."""
    thread.join()
    stop.set()

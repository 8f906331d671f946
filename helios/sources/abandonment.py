"""Calls that can be abandoned: a blocking call runs in a thread of its own, and whoever waits for it can be let go.

A request that hangs in a look-up, a connection or a read cannot be stopped from outside. Its thread is a daemon: it
ends with its own time-out or with the process, and keeps neither waiting. Knows nothing of HTTP or Prometheus.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import Any, TypeVar

from scoring.errors import SourceUnavailable

T = TypeVar("T")


class Abandonable:
    """Runs calls until it is closed.

    Args:
        name: of the threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.RLock()
        self._waiting: set[Future[Any]] = set()
        self._closed = False

    def run(self, call: Callable[[], T]) -> T:
        """The result of `call`, or what it raises.

        Raises:
            SourceUnavailable: `close` was called before it returned.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise SourceUnavailable("closed")
            self._waiting.add(future)
        threading.Thread(target=_fulfil, args=(future, call), name=self._name, daemon=True).start()
        try:
            return future.result()
        except CancelledError:
            raise SourceUnavailable("closed") from None
        finally:
            with self._lock:
                self._waiting.discard(future)

    def close(self) -> None:
        """Let go whoever waits, and whoever will; from any thread, as often as one likes."""
        with self._lock:
            self._closed = True
            for future in tuple(self._waiting):
                future.cancel()


def _fulfil(future: Future[T], call: Callable[[], T]) -> None:
    """Run the call; what comes after everybody went is dropped."""
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is raised again where the result is waited for
        _settle(future.set_exception, error)
    else:
        _settle(future.set_result, result)


def _settle(put: Callable[[Any], None], value: object) -> None:
    try:
        put(value)
    except InvalidStateError:
        return

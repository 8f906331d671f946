"""Waiting for what a cluster does in its own time, with a message that shows what was there instead."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

Seen = TypeVar("Seen")


class Hopeless(AssertionError):
    """It will not happen any more: waiting ends at once."""


def wait_until(
    look: Callable[[], Seen],
    seconds: float,
    why: str,
    *,
    accept: Callable[[Seen], Any] = bool,
    every: float = 0.5,
) -> Seen:
    """Look until what is seen is accepted, and return it.

    Args:
        look: what is there now. What it raises counts as not there yet, but for `Hopeless`.
        seconds: give up after these.
        why: what is waited for, as in "did not happen in 30 s: <why>".
        accept: whether this will do; by default anything true.
        every: seconds between two looks.

    Raises:
        AssertionError: it did not happen; the last thing seen (or raised) stands in the message.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            seen = look()
            if accept(seen):
                return seen
            last = repr(seen)
        except Hopeless:
            raise
        except Exception as problem:  # noqa: BLE001 - a server that is down is one more state to wait out
            last = f"{type(problem).__name__}: {problem}"
        if time.monotonic() >= deadline:
            raise AssertionError(f"did not happen in {seconds:g} s: {why}; last seen: {last[:4000]}")
        time.sleep(every)


def hold(look: Callable[[], Seen], seconds: float, why: str, *, accept: Callable[[Seen], Any]) -> Seen:
    """Look for `seconds`; what is seen must be acceptable at every look. The last thing seen.

    Raises:
        AssertionError: at one look it was not.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        left = deadline - time.monotonic()
        assert accept(seen), f"did not hold ({left:.0f} s of {seconds:g} s left): {why}; seen: {seen!r}"
        if left <= 0:
            return seen
        time.sleep(0.5)

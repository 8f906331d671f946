"""Two requests at a time, and no more."""

from __future__ import annotations

import threading
import time

import numpy as np

from helios.sources.answers import merged, samples
from helios.sources.questions import AT_ONCE, Rests, together


def test_at_most_two_requests_are_under_way() -> None:
    """Back-fill does not crowd out the people who look at dashboards."""
    lock, running, most = threading.Lock(), 0, 0

    def call() -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return 1

    assert [1] * 8 == together([call] * 8, [True] * 8)
    assert most == AT_ONCE


def test_rests_grow_to_ten_minutes() -> None:
    """A query that never works is asked ever more seldom, but never given up."""
    now = 0.0
    rests = Rests(lambda: now)
    pauses = []
    for _ in range(6):
        rests.failed("heavy", "time-out")
        began = now
        while rests.why("heavy") is not None:
            now += 1
        pauses.append(now - began)
    assert [60, 120, 240, 480, 600, 600] == pauses
    assert rests.why("light") is None


def test_the_pieces_of_a_range_become_one_series_by_their_labels() -> None:
    """Whatever order the series come in, in each piece."""
    first = samples(
        [{"metric": {"a": "1"}, "values": [[0, "1"]]}, {"metric": {"a": "2"}, "values": [[0, "5"]]}]
    )
    second = samples([{"metric": {"a": "2"}, "values": [[60, "6"], [120, "+Inf"]]}])
    whole = merged([first, second])
    assert [{"a": "1"}, {"a": "2"}] == list(whole.labels)
    np.testing.assert_array_equal([0, 1, 1, 1], whole.owner)
    np.testing.assert_array_equal([0, 0, 60, 120], whole.times)
    np.testing.assert_array_equal([1, 5, 6, np.inf], whole.values)

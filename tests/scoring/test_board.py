"""The board: the latest scores with their expiry, and what is served when a loop is slow, hung or restarted."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from scoring.policies import Fleet
from scoring.publisher import Board
from tests.scoring.builders import NAN, NOW, fleet, numbers_in, scores, target
from tests.scoring.test_expositions import Samples, parsed, value

EVERYONE = np.array([True, True])
PAIR = fleet(target("api"), target("web"))
HORIZONS = (300, 1800)


def rows(count: int, *moved: int) -> np.ndarray:
    """Old rows of a new fleet; by default they stay."""
    return np.array(moved or range(count), np.intp)


def board_of(of: Fleet = PAIR, horizons: tuple[int, ...] = HORIZONS) -> Board:
    """A board that follows a fleet and has seen no cycle."""
    board = Board()
    board.follow(of, horizons, rows(0, *[-1] * len(of)), rows(0, *[-1] * len(of.series)))
    return board


def posted(*cycles: tuple[float, list[bool], float]) -> Board:
    """A board after cycles of `(time, who was scored, what was recommended)`."""
    board = board_of()
    for at, scored, number in cycles:
        board.post(scores(PAIR, at=at, recommended=[number, number]), np.array(scored), at)
    return board


def shown(board: Board, now: float) -> dict[str, float]:
    """What is recommended in the text served at `now`."""
    samples: Samples = parsed(board.exposition(now).decode())
    found = {name: value(samples, "helios_recommended_replicas", name) for name in ("api", "web")}
    return {name: number for name, number in found.items() if number is not None}


def test_before_the_first_cycle_nothing_is_served() -> None:
    """No gauge, no scores, no cycle."""
    board = board_of()
    assert [] == numbers_in(board.exposition(NOW))
    assert board.latest() is None
    assert 0 == board.posted


def test_a_cycle_is_served_until_it_expires() -> None:
    """Past it a hung loop's text is empty: nothing freezes."""
    board = posted((NOW, [True, True], 4))
    assert {"api": 4, "web": 4} == shown(board, NOW + 899)
    assert {} == shown(board, NOW + 900)
    assert [] == numbers_in(board.exposition(NOW + 1e9))


def test_a_target_that_was_not_scored_keeps_its_numbers_until_they_expire() -> None:
    """Then it vanishes, and the others stay."""
    board = posted((NOW, [True, True], 4), (NOW + 300, [True, False], 5), (NOW + 600, [True, False], 6))
    assert {"api": 6, "web": 4} == shown(board, NOW + 899)
    assert {"api": 6} == shown(board, NOW + 900)
    assert {"api": 6} == shown(board, NOW + 1499)
    assert {} == shown(board, NOW + 1500)


def test_how_much_history_there_is_is_always_told() -> None:
    """Also of a target that was not scored: its back-fill can be watched."""
    board = posted((NOW, [True, True], 4))
    board.post(scores(PAIR, points=[5, 6, 7, 8]), np.array([False, False]), NOW + 300)
    latest = board.latest()
    assert latest is not None
    assert [5, 6, 7, 8] == latest[1].points.tolist()


def test_a_target_that_comes_back_is_shown_again() -> None:
    """After its silence it is scored like any other."""
    board = posted((NOW, [True, True], 4), (NOW + 1200, [True, False], 5), (NOW + 1500, [True, True], 6))
    assert {"api": 6, "web": 6} == shown(board, NOW + 1500)


def test_a_target_that_was_never_scored_is_not_shown() -> None:
    """What the first cycle computed for it without data does not hold."""
    board = posted((NOW, [True, False], 4))
    assert {"api": 4} == shown(board, NOW)
    latest = board.latest()
    assert latest is not None
    assert [False, True] == np.isnan(latest[1].expires_at).tolist()
    assert {"api": 5} == shown(posted((NOW, [True, False], 4), (NOW + 300, [True, False], 5)), NOW + 300)


def test_a_cycle_that_scored_nobody_is_posted_and_changes_nothing() -> None:
    """The page still hears of it; the numbers are those of before."""
    board = posted((NOW, [True, True], 4), (NOW + 300, [False, False], 9))
    assert {"api": 4, "web": 4} == shown(board, NOW + 300)
    assert 2 == board.posted


def test_the_text_is_rendered_once_per_cycle() -> None:
    """The same bytes are served until something expires."""
    board = posted((NOW, [True, True], 4))
    assert board.exposition(NOW) is board.exposition(NOW + 899)
    assert board.exposition(NOW + 900) is board.exposition(NOW + 5000)


def test_a_fleet_that_grows_keeps_what_it_shows() -> None:
    """A new target hides nobody, and has no numbers before it is scored."""
    board = posted((NOW, [True, True], 4))
    more = fleet(target("new"), target("web"), target("api"))
    board.follow(more, HORIZONS, rows(0, -1, 1, 0), rows(0, -1, -1, 2, 3, 0, 1))
    assert {"api": 4, "web": 4} == shown(board, NOW + 1)
    samples = parsed(board.exposition(NOW + 1).decode())
    assert value(samples, "helios_recommended_replicas", "new") is None
    assert 1.6 == pytest.approx(value(samples, "helios_demand", "api", metric="cpu"))


def test_a_target_that_left_is_gone_at_once() -> None:
    """Its series end with it."""
    board = posted((NOW, [True, True], 4))
    board.follow(fleet(target("web")), HORIZONS, rows(0, 1), rows(0, 2, 3))
    assert {"web": 4} == shown(board, NOW + 1)


@pytest.mark.parametrize(
    ("driver", "expected"), [([0, 3], [1, 2, -1]), ([1, 2], [0, -1, -1]), ([-1, -1], [-1, -1, -1])]
)
def test_the_driver_follows_its_series(driver: list[int], expected: list[int]) -> None:
    """The row that asked for most is named by its new place; one that left is none."""
    board = board_of()
    board.post(scores(PAIR, driver=driver), EVERYONE, NOW)
    renewed = fleet(target("web"), target("api"), target("new"))
    board.follow(renewed, HORIZONS, rows(0, 1, 0, -1), rows(0, 2, 3, 0, -1, -1, -1))
    latest = board.latest()
    assert latest is not None
    assert expected == latest[1].driver.tolist()


@pytest.mark.parametrize("horizons", [(300, 900, 1800), (1800,), (60,)])
def test_another_horizon_hides_nobody(horizons: tuple[int, ...]) -> None:
    """When a target asks for another horizon, the numbers of all stay, and known horizons with them."""
    board = board_of()
    curve = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    board.post(scores(PAIR, curve=curve, ratio=curve[:, :, 1]), EVERYONE, NOW)
    of = fleet(target("api", horizons=horizons), target("web", horizons=horizons))
    board.follow(of, horizons, rows(2), rows(4))
    assert {"api": 4, "web": 4} == shown(board, NOW + 1)
    latest = board.latest()
    assert latest is not None
    for i, seconds in enumerate(horizons):
        expected = curve[:, HORIZONS.index(seconds)] if seconds in HORIZONS else np.full((4, 3), NAN)
        np.testing.assert_array_equal(expected, latest[1].curve[:, i])
        np.testing.assert_array_equal(expected[:, 1], latest[1].ratio[:, i])
        known = seconds in HORIZONS
        np.testing.assert_array_equal([0 if known else -1] * 4, latest[1].chosen[:, i])
        np.testing.assert_array_equal(np.isnan(latest[1].skill[:, i]), [not known] * 4)


def test_who_was_chosen_stays_true_when_others_are_chosen_from() -> None:
    """A target that was not scored keeps the name of its expert, whatever list the next cycle comes with."""
    board = board_of()
    board.post(scores(PAIR, experts=("network", "waves"), chosen=np.ones((4, 2))), EVERYONE, NOW)
    board.post(
        scores(PAIR, experts=("persistence", "network"), chosen=[[0, 1], [0, -1]] * 2),
        np.array([True, False]),
        NOW + 300,
    )
    latest = board.latest()
    assert latest is not None
    named = [[latest[1].experts[i] if i >= 0 else None for i in row] for row in latest[1].chosen.tolist()]
    assert [
        ["persistence", "network"],
        ["persistence", None],
        ["waves", "waves"],
        ["waves", "waves"],
    ] == named


def test_restored_scores_are_served_until_they_expire() -> None:
    """A restart shows what was known before it, and no longer than it held."""
    board = board_of()
    board.restore(scores(PAIR, recommended=[3, 5]))
    assert {"api": 3, "web": 5} == shown(board, NOW + 10)
    assert {} == shown(board, NOW + 900)


def test_scores_that_cannot_be_rendered_leave_the_board_as_it_was() -> None:
    """A broken cycle is the loop's fault to report, never the scraper's to see."""
    board = posted((NOW, [True, True], 4))
    broken = scores(fleet(target("api")))
    with pytest.raises(ValueError, match="broadcast"):
        board.post(broken, EVERYONE, NOW + 300)
    assert {"api": 4, "web": 4} == shown(board, NOW + 300)
    empty = board_of()
    with pytest.raises(IndexError):
        empty.post(broken, EVERYONE, NOW)
    assert [] == numbers_in(empty.exposition(NOW))


def test_readers_see_whole_cycles() -> None:
    """From any thread every number in a text is of one moment."""
    board, torn, stop = board_of(), [], threading.Event()

    def scrape() -> None:
        while not stop.is_set():
            numbers = {
                line.split()[1]
                for line in board.exposition(NOW).decode().splitlines()
                if line.startswith("helios_recommended_replicas{")
            }
            if len(numbers) > 1:
                torn.append(numbers)

    scrapers = [threading.Thread(target=scrape) for _ in range(2)]
    for scraper in scrapers:
        scraper.start()
    for cycle in range(50):
        board.post(scores(PAIR, recommended=[cycle, cycle], lasts=300.0 * (cycle % 2)), EVERYONE, NOW)
    stop.set()
    for scraper in scrapers:
        scraper.join(10)
    assert [] == torn

"""A restart is warm, after an orderly end and after a kill at any moment, and however much of the files is left."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from helios import snapshots
from helios.clocks import Clock, SteppedClock
from helios.loops import ScoringLoop
from helios.snapshots import HISTORY, STATE
from scoring.scorer import Summary
from tests.processes.builders import START, STEP, DailySource, loop_over, settings_with
from tests.processes.disks import FULL_DISK, room_for
from tests.processes.test_comings import Wish, fleet
from tests.scoring.builders import numbers_in

FOREVER = threading.Event()
HOUR = 3600.0
SIGNAL = b"helios_scaling_signal{"


class Killed(BaseException):
    """In place of SIGKILL: nothing of ours catches it, and what is on the disk then is all that stays."""


class Mortal(SteppedClock):
    """Kills whoever asks it for the time, or waits for it, once too often."""

    def __init__(self, start: float, *, waits: int = 10_000, looks: int = 10_000) -> None:
        super().__init__(start)
        self.waits, self.looks = waits, looks

    def now(self) -> float:
        """UNIX seconds."""
        if self.looks == 0:
            raise Killed
        self.looks -= 1
        return super().now()

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Be there."""
        if self.waits == 0:
            raise Killed
        self.waits -= 1
        return super().wait_until(moment, stop)


class Watched(SteppedClock):
    """Sees, at every wait, of which moment the two files are (seconds since the start; None: no such file)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(START)
        self.seen: list[tuple[float | None, float | None]] = []
        self._folder, self._ends = folder, dict[tuple[str, int, int], float]()

    def wait_until(self, moment: float, stop: threading.Event) -> bool:
        """Be there."""
        self.seen.append((self._end(STATE), self._end(HISTORY)))
        return super().wait_until(moment, stop)

    def _end(self, name: str) -> float | None:
        path = self._folder / name
        if not path.exists():
            return None
        about = path.stat()
        version = (name, about.st_ino, about.st_mtime_ns)
        if version not in self._ends:
            self._ends[version] = end_of(path) - START
        return self._ends[version]


def end_of(path: Path) -> float:
    """Of which moment a file is."""
    state = snapshots.load(path.parent, path.name)
    assert state is not None
    return float(json.loads(state["about"].tobytes())["end"])


def killed(
    folder: Path, *, start: float = START, waits: int = 10_000, looks: int = 10_000
) -> tuple[ScoringLoop, float]:
    """A loop that was killed, and when."""
    clock = Mortal(start, waits=waits, looks=looks)
    loop = loop_over(DailySource(), clock, settings_with(state_path=folder))
    with pytest.raises(Killed):
        loop.run(FOREVER)
    clock.looks = 1
    return loop, clock.now()


def started(folder: Path, now: float, source: DailySource | None = None, *, cycles: int = 0) -> ScoringLoop:
    """A new loop after so many cycles; after none it has only remembered."""
    stop = threading.Event()
    if not cycles:
        stop.set()
    loop = loop_over(source or DailySource(down=True), SteppedClock(now), settings_with(state_path=folder))
    loop.run(stop, most_cycles=cycles)
    return loop


def whole(loop: ScoringLoop) -> bool:
    """Whether nothing is missing in the panel, and all of it is true."""
    panel = loop.scorer.stream.panel()
    true = DailySource().read(panel.series, panel.start, panel.end, panel.step)
    return np.array_equal(true.values, panel.values)


def test_a_restart_is_warm(tmp_path: Path) -> None:
    """What was remembered is there again, and only what is missing is read."""
    clock, settings = SteppedClock(START), settings_with(state_path=tmp_path)
    first = loop_over(DailySource(), clock, settings)
    first.run(FOREVER, most_cycles=4)
    source = DailySource()
    second = started(tmp_path, clock.now() + STEP, source, cycles=1)
    assert 1 == source.reads
    assert first.scorer.ledger.buckets.sum() < second.scorer.ledger.buckets.sum()
    assert whole(second)


@pytest.mark.parametrize("waits", [1, 4, 30])
def test_a_killed_loop_publishes_at_once_what_has_not_expired(tmp_path: Path, waits: int) -> None:
    """KEDA sees no gap over a crash, however old the history is: these are the numbers of the last cycle."""
    before, now = killed(tmp_path, waits=waits)
    after = started(tmp_path, now)
    assert SIGNAL in before.scorer.board.exposition(now)
    assert before.scorer.board.exposition(now) == after.scorer.board.exposition(now)
    assert SIGNAL in after.scorer.board.exposition(now + 3 * STEP - 1)
    assert [] == numbers_in(after.scorer.board.exposition(now + 3 * STEP))


@pytest.mark.parametrize("looks", range(14, 60, 3))
def test_a_kill_at_any_moment_costs_one_cycle_at_most(tmp_path: Path, looks: int) -> None:
    """Wherever the loop is, its last cycle or the one before it is on the disk."""
    before, now = killed(tmp_path, looks=looks)
    after = started(tmp_path, now)
    assert SIGNAL in after.scorer.board.exposition(now)
    assert 0 <= before.scorer.ledger.at - after.scorer.ledger.at <= STEP


@pytest.mark.parametrize("away", [0.0, STEP, 5 * HOUR, 4 * 86_400.0])
def test_a_killed_loop_goes_on_where_it_was(tmp_path: Path, away: float) -> None:
    """What happened since the last history was stored is read again, and nothing that is older than that."""
    before, now = killed(tmp_path, waits=30)
    source = DailySource()
    after = started(tmp_path, now + away, source, cycles=2)
    assert whole(after)
    assert min(start for start, _ in source.seen) >= min(now - HOUR - STEP, after.scorer.stream.panel().end)
    assert 0 < before.scorer.ledger.buckets[:, :, 0].sum() <= after.scorer.ledger.buckets[:, :, 0].sum()


def test_decisions_are_stored_after_every_cycle_and_history_every_hour(tmp_path: Path) -> None:
    """And the history once before its time, when the first back-fill is done."""
    clock = Watched(tmp_path)
    loop_over(DailySource(), clock, settings_with(state_path=tmp_path)).run(FOREVER, most_cycles=40)
    states, histories = zip(*clock.seen, strict=True)
    assert [i * STEP for i in range(38)] == list(states)
    assert [i * STEP // HOUR * HOUR for i in range(38)] == list(histories)


def test_history_that_is_slow_to_come_is_stored_when_it_is_there(tmp_path: Path) -> None:
    """A kill after an hour of back-fill does not cost that hour; before it there is nothing worth storing."""
    clock = Watched(tmp_path)
    source = DailySource(points_per_read=64)
    loop = loop_over(source, clock, settings_with(state_path=tmp_path, snapshot_seconds=10 * 86_400))
    source.down = True
    loop.run(FOREVER, most_cycles=3)
    assert [(0, None), (300, None)] == clock.seen
    source.down = False
    loop.run(FOREVER, most_cycles=3)
    assert clock.seen[-1][1] == clock.now() - START - STEP


def test_a_few_targets_more_do_not_make_the_history_be_written(tmp_path: Path) -> None:
    """Of twenty one is fetched again after a kill; ten are worth the write."""
    clock = Watched(tmp_path)
    names = [f"service-{i}" for i in range(30)]
    wish = Wish(clock, {0: fleet(*names[:20]), 610: fleet(*names[:21]), 1210: fleet(*names)})
    settings = settings_with(state_path=tmp_path, snapshot_seconds=86_400)
    loop_over(DailySource(points_per_read=10**6), clock, settings, targets=0, wanted=lambda: wish).run(
        FOREVER, most_cycles=12
    )
    assert [0, 1200] == sorted({history for _, history in clock.seen if history is not None})


def test_a_loop_that_is_killed_every_25_minutes_stores_its_history_too(tmp_path: Path) -> None:
    """The hour counts from what is on the disk, not from the start, at which what is there is not written again."""
    ends, now = [], START
    for _ in range(6):
        _, now = killed(tmp_path, waits=5, start=now)
        ends.append(end_of(tmp_path / HISTORY) - START)
    assert [0, 0, HOUR, HOUR, 2 * HOUR, 2 * HOUR] == ends


def test_a_stop_before_the_first_cycle_leaves_the_files_alone(tmp_path: Path) -> None:
    """Even where they could not be used: what was not observed yet replaces nothing."""
    killed(tmp_path, waits=4)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    started(tmp_path, START - 86_400.0)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_restart_with_other_targets_keeps_what_stays(tmp_path: Path) -> None:
    """One target more, the old ones are still warm."""
    clock, settings = SteppedClock(START), settings_with(state_path=tmp_path)
    loop_over(DailySource(), clock, settings).run(FOREVER, most_cycles=4)
    second = loop_over(DailySource(), clock, settings, targets=3)
    second.run(FOREVER, most_cycles=1)
    observed = np.isfinite(second.scorer.stream.panel().values).sum(axis=1)
    assert observed[0] > 500
    assert observed[-1] < 10


LOSSES = [
    pytest.param(lambda path: path.unlink(), 0, id="missing"),
    pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-99]), 1, id="torn"),
    pytest.param(
        lambda path: snapshots.save(
            path.parent, path.name, {"about": np.frombuffer(b'{"format": 1, "step": 300}', np.uint8)}
        ),
        1,
        id="other format",
    ),
]


@pytest.mark.parametrize(("lose", "warnings"), LOSSES)
def test_a_lost_history_costs_only_the_history(
    tmp_path: Path, lose: Callable[[Path], object], warnings: int
) -> None:
    """The last numbers are published at once, scores and ledger go on, and the panel comes back by back-fill."""
    before, now = killed(tmp_path, waits=4)
    lose(tmp_path / HISTORY)
    with capture_logs() as logs:
        after = started(tmp_path, now)
    assert [HISTORY] * warnings == [line["file"] for line in logs if line["event"] == "cold start"]
    assert before.scorer.board.exposition(now) == after.scorer.board.exposition(now)
    again = started(tmp_path, now, DailySource(), cycles=2)
    assert whole(again)
    assert before.scorer.ledger.buckets[:, :, 0].sum() == again.scorer.ledger.buckets[:, :, 0].sum()


@pytest.mark.parametrize(("lose", "warnings"), LOSSES)
def test_lost_decisions_cost_only_the_decisions(
    tmp_path: Path, lose: Callable[[Path], object], warnings: int
) -> None:
    """Nothing is published before the first cycle, and the ledger begins anew, but no history is fetched again."""
    _, now = killed(tmp_path, waits=4)
    lose(tmp_path / STATE)
    source = DailySource()
    with capture_logs() as logs:
        after = started(tmp_path, now)
        again = started(tmp_path, now, source, cycles=1)
    assert [STATE] * warnings * 2 == [line["file"] for line in logs if line["event"] == "cold start"]
    assert [] == numbers_in(after.scorer.board.exposition(now))
    assert 0 == again.scorer.ledger.buckets.sum()
    assert (1, True) == (source.reads, whole(again))


@pytest.mark.parametrize(("lose", "warnings"), LOSSES)
def test_with_both_files_lost_the_start_is_cold(
    tmp_path: Path, lose: Callable[[Path], object], warnings: int
) -> None:
    """It is said in clear words and costs nothing else."""
    _, now = killed(tmp_path, waits=4)
    lose(tmp_path / STATE)
    lose(tmp_path / HISTORY)
    with capture_logs() as logs:
        after = started(tmp_path, now, DailySource(), cycles=2)
    told = [line["fault"] for line in logs if line["event"] == "cold start"]
    assert [True] * 2 * warnings == ["starting cold" in fault for fault in told]
    assert [] == [line for line in logs if line["event"] == "warm start"]
    assert whole(after)


def test_a_snapshot_from_the_future_is_a_cold_start(tmp_path: Path) -> None:
    """A replay that begins anew does not know how it will end."""
    settings = settings_with(state_path=tmp_path)
    loop_over(DailySource(), SteppedClock(START + 86_400), settings).run(FOREVER, most_cycles=2)
    again = started(tmp_path, START, DailySource(), cycles=1)
    assert START == again.scorer.stream.panel().end
    assert 0 == again.scorer.ledger.buckets.sum()


def cycles_on(folder: Path, count: int, clock: Clock | None = None) -> tuple[list[Summary], list[str]]:
    """So many cycles that store in a folder, and what was said of that."""
    told: list[Summary] = []
    settings = settings_with(state_path=folder, snapshot_seconds=300)
    with capture_logs() as logs:
        loop_over(DailySource(), clock, settings, summaries=told).run(FOREVER, most_cycles=count)
    return told, [line["fault"] for line in logs if line["event"] == "no snapshot"]


def test_a_disk_that_cannot_be_written_is_said_once() -> None:
    """Neither file can be written, cycle after cycle; it costs the snapshots and nothing else."""
    told, faults = cycles_on(FULL_DISK, 8)
    assert [{}] * 8 == [dict(summary.faults) for summary in told]
    assert 1 == len(faults)
    assert "/dev/full/state: the snapshot could not be written" in faults[0]


def test_a_disk_without_room_for_the_history_still_takes_the_decisions(tmp_path: Path) -> None:
    """The small file is written after every cycle; that the large one cannot be is said once."""
    clock = Watched(tmp_path)
    with room_for(65_536):
        _, faults = cycles_on(tmp_path, 8, clock)
    assert 1 == len(faults)
    assert [(i * STEP, None) for i in range(6)] == clock.seen
    assert [STATE] == [path.name for path in tmp_path.iterdir()]


class Walled(SteppedClock):
    """A clock that is the wall's."""

    speed = 1.0


def test_a_restart_does_not_make_a_hung_loop_look_fresh(tmp_path: Path) -> None:
    """Until it has run a cycle it tells of the last one before it: a loop that hangs in each would never be found stalled."""
    settings, stopped = settings_with(state_path=tmp_path), threading.Event()
    before = loop_over(DailySource(), SteppedClock(START), settings)
    before.run(FOREVER, most_cycles=3)
    latest = before.scorer.board.latest()
    assert latest is not None
    stopped.set()
    after = loop_over(DailySource(), Walled(latest[1].scored_at.max() + 2 * STEP), settings)
    after.run(stopped)
    assert latest[1].scored_at.max() == after._metrics.last._value.get()


def test_when_the_snapshot_was_last_written_is_told(tmp_path: Path) -> None:
    """By file, so that a volume that is full is found before the restart that needs it."""
    folder = tmp_path / "state"
    loop = loop_over(DailySource(), SteppedClock(START), settings_with(state_path=folder))
    loop.run(FOREVER, most_cycles=3)

    def told() -> dict[str, float]:
        (family,) = loop._metrics.stored.collect()
        return {sample.labels["file"]: sample.value for sample in family.samples}

    assert {HISTORY, STATE} == told().keys()
    assert all(pytest.approx(time.time(), abs=60) == at for at in told().values())

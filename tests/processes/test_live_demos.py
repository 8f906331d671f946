"""`helios demo --live`: days are walked through at once and told to Prometheus, then time is real, until the trace is over."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from helios.clocks import LiveClock, SteppedClock
from helios.demos.pasts import CYCLE_TIME, SCRAPE_SECONDS, Past
from helios.demos.saleor import FLEET, demo_world, live_world
from helios.errors import HeliosError, SettingsError
from helios.live_demos import OVER, LiveDemo, parsed_labels
from helios.settings import Scoring, Settings
from tests.processes.commands import environment, ran, started
from tests.sources.prometheus_server import prometheus

STEP = 300.0
NOW = 1_800_000_060.0
HOUR = 3600.0
WEEK = 7 * 24 * HOUR
LABELS = {"job": "helios", "instance": "helios:8080"}
TEXT = """# HELP helios_up_total Ups
# TYPE helios_up_total counter
helios_up_total {ups}
# HELP helios_up_created Ups
# TYPE helios_up_created gauge
helios_up_created 1.7e9
# HELP python_info Python
# TYPE python_info gauge
python_info{{version="3.11"}} 1.0
# HELP helios_number A number
# TYPE helios_number gauge
{numbers}"""

Needs = Callable[[str], str]


def exposition(ups: int, **numbers: float) -> str:
    """What /metrics says of some targets."""
    lines = (f'helios_number{{deployment="{name}"}} {value}\n' for name, value in numbers.items())
    return TEXT.format(ups=ups, numbers="".join(lines))


def samples(file: Path) -> Mapping[tuple[str, float], float]:
    """Series and UNIX time -> value."""
    lines = [line.rsplit(" ", 2) for line in file.read_text().splitlines() if not line.startswith("#")]
    return {(series, float(when)): float(value) for series, value, when in lines}


def test_the_past_is_openmetrics_with_each_number_repeated_until_the_next_cycle(tmp_path: Path) -> None:
    """Families together, series in order of time; a counter by its family's name; other libraries' metrics are left out."""
    past = Past({"job": "helios"})
    past.take(exposition(1, api=4.5), 1000.0)
    past.take(exposition(2, api=5.0), 1200.0)
    assert 8 == past.write(tmp_path / "past.txt", 1350.0)
    assert [
        "# TYPE helios_up counter",
        "# HELP helios_up Ups",
        'helios_up_total{job="helios"} 1.0 1000.000',
        'helios_up_total{job="helios"} 1.0 1100.000',
        'helios_up_total{job="helios"} 2.0 1200.000',
        'helios_up_total{job="helios"} 2.0 1300.000',
        "# TYPE helios_number gauge",
        "# HELP helios_number A number",
        'helios_number{deployment="api",job="helios"} 4.5 1000.000',
        'helios_number{deployment="api",job="helios"} 4.5 1100.000',
        'helios_number{deployment="api",job="helios"} 5.0 1200.000',
        'helios_number{deployment="api",job="helios"} 5.0 1300.000',
        "# EOF",
    ] == (tmp_path / "past.txt").read_text().splitlines()


def test_a_target_that_was_not_told_in_a_cycle_has_no_sample_of_it(tmp_path: Path) -> None:
    """Absence is the failure signal: no zero, and no number of another cycle."""
    past = Past()
    for now, numbers in ((0.0, {"a": 1}), (300.0, {"a": 2, "b": 7}), (600.0, {"b": 8})):
        past.take(exposition(0, **numbers), now)
    past.write(tmp_path / "past.txt", 900.0)
    told = samples(tmp_path / "past.txt")
    times = {
        name: sorted({when // STEP * STEP for series, when in told if f'"{name}"' in series}) for name in "ab"
    }
    assert {"a": [0.0, 300.0], "b": [300.0, 600.0]} == times
    assert 7.0 == told['helios_number{deployment="b"}', 300.0]


def test_a_past_that_cannot_be_written_leaves_the_older_one(tmp_path: Path) -> None:
    """One line that names the file, and no half of it."""
    past = Past()
    past.take(exposition(1, a=1), 0.0)
    (tmp_path / "past.txt").mkdir()
    with pytest.raises(HeliosError, match=r"past\.txt: the past could not be written"):
        past.write(tmp_path / "past.txt", 300.0)
    assert ["past.txt"] == [path.name for path in tmp_path.iterdir()]


def test_a_live_clock_catches_up_and_then_is_the_wall() -> None:
    """It jumps through the past, waits for what lies ahead, and goes no further than the trace."""
    wall, stop = SteppedClock(NOW), threading.Event()
    clock = LiveClock(NOW - HOUR, end=NOW + HOUR, wall=wall)
    assert (False, NOW - HOUR + STEP) == (clock.wait_until(NOW - HOUR + STEP, stop), clock.now())
    clock.begin()
    assert (NOW, 1.0) == (clock.now(), clock.speed)
    assert (False, NOW + STEP) == (clock.wait_until(NOW + STEP, stop), wall.now())
    assert not clock.ended
    assert (True, True) == (clock.wait_until(NOW + HOUR + 1, stop), clock.ended)
    assert not stop.is_set()


@pytest.mark.parametrize("day", range(14))
def test_whenever_it_is_begun_there_is_a_past_and_a_future(day: int) -> None:
    """At least three days lived through, a day of history before them, and hours to come; each day keeps its name."""
    now = NOW + day * 24 * HOUR
    world = live_world(STEP, now, seconds=WEEK)
    assert 3 * 24 * HOUR <= now - world.start <= WEEK
    assert world.end - now >= 9 * HOUR
    assert 0 == (world.shift_seconds - demo_world(STEP).shift_seconds) % WEEK
    assert 0 == world.start % STEP


class Kept(Past):
    """A past that also keeps what it was told."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__()
        self.told: dict[float, str] = {}

    def take(self, exposition: str, now: float) -> None:
        """Take and keep it."""
        super().take(exposition, now)
        self.told[now] = exposition


@dataclass(frozen=True)
class Lived:
    """A demo that has come to the present, what it told, and the file of it."""

    now: float
    past: Kept
    file: Path


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """A day and a half, up to a moment that is the same in every run."""
    demo, past = LiveDemo.of(Settings(scoring=Scoring()), 1.5, SteppedClock(NOW)), Kept()
    demo.catch_up(past)
    file = tmp_path_factory.mktemp("lived") / "past.txt"
    past.write(file, demo.clock.now())
    return Lived(demo.clock.now(), past, file)


@pytest.mark.integration
def test_what_is_written_of_a_cycle_is_what_was_published_in_it(lived: Lived) -> None:
    """Each gauge of each target and of the loop; the time of the last cycle is that of the trace."""
    written: dict[float, dict[str, float]] = defaultdict(dict)
    for (series, when), value in samples(lived.file).items():
        written[when][series] = value
    assert 432 <= len(lived.past.told) <= 433
    for now, text in lived.past.told.items():
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("helios_")]
        published = {name: float(value) for name, value in lines if "_created" not in name}
        assert published | {CYCLE_TIME: now} == written[now]
    signals = {f'helios_scaling_signal{{namespace="saleor",deployment="{s.name}"}}' for s in FLEET}
    assert signals <= written[max(lived.past.told)].keys()


@pytest.mark.integration
def test_the_past_ends_at_the_present_and_has_no_gap(lived: Lived) -> None:
    """What is scraped next is newer, and nothing between is older than Prometheus looks back."""
    times = sorted({when for _, when in samples(lived.file)})
    assert NOW == lived.now
    assert NOW - SCRAPE_SECONDS <= times[-1] < NOW
    assert SCRAPE_SECONDS >= max(later - earlier for earlier, later in itertools.pairwise(times))


@pytest.mark.integration
def test_half_an_hour_is_half_an_hour(lived: Lived, tmp_path: Path, needs: Needs) -> None:
    """As a dashboard asks: moved by its horizon a prediction is near to what came, moved by 60 times as much it is not."""
    binaries = {"binary": needs("prometheus"), "promtool": needs("promtool")}
    with prometheus(tmp_path, lived.file, **binaries) as url:
        right, wrong = (errors(url, offset, lived.now) for offset in ("30m", "30h"))
    assert {"saleor-api", "saleor-dashboard", "saleor-worker"} == right.keys() == wrong.keys()
    assert sum(right.values()) < 0.5 * sum(wrong.values())


def asked(url: str, query: str, now: float | None = None) -> Mapping[str, float]:
    """Deployment -> value of an instant query."""
    data = {"query": query} | ({} if now is None else {"time": str(now)})
    answer = httpx.post(f"{url}/api/v1/query", data=data, trust_env=False).raise_for_status()
    found = answer.json()["data"]["result"]
    return {one["metric"].get("deployment", ""): float(one["value"][1]) for one in found}


def errors(url: str, offset: str, now: float | None = None) -> Mapping[str, float]:
    """The mean relative error over four hours of what was predicted half an hour ahead, moved by `offset`."""
    predicted = f'helios_predicted_demand{{metric="cpu",horizon="30m",quantile="0.5"}} offset {offset}'
    one = f'max by (deployment) ({predicted}) / max by (deployment) (helios_demand{{metric="cpu"}})'
    return asked(url, f"avg_over_time(abs(1 - {one})[4h:5m])", now)


@pytest.mark.integration
def test_it_ends_with_the_trace_in_one_line() -> None:
    """Nothing stands still that an alert would take for a hung loop; whoever started it may start it again."""
    near = live_world(STEP, NOW, seconds=0.0)
    begin = near.end - demo_world(STEP).end + demo_world(STEP).start + WEEK - STEP
    script = f"""
import socket
from helios.app import listening
from helios.clocks import SteppedClock
from helios.live_demos import serve_live
from helios.settings import Scoring, Settings
serve_live(Settings(scoring=Scoring()), listening("127.0.0.1", 0), days=0.05, wall=SteppedClock({begin}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, timeout=200, env=environment(), check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert OVER == done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_new_prometheus_knows_what_the_demo_has_lived_through(tmp_path: Path, needs: Needs) -> None:
    """The real command, promtool and Prometheus, at the present, in the very series that a scrape goes on with."""
    file = tmp_path / "past.txt"
    labels = [f"--past-label={name}={value}" for name, value in LABELS.items()]
    with started(["demo", "--live", "0.25", "--past", str(file), *labels]) as demo:
        assert 200 == demo.get("/ready").status_code
        assert 0o644 == file.stat().st_mode & 0o777
    binaries = {"binary": needs("prometheus"), "promtool": needs("promtool")}
    with prometheus(tmp_path, file, **binaries) as url:
        newest = asked(url, 'helios_recommended_replicas{job="helios",instance="helios:8080"}')
        assert {service.name for service in FLEET} == newest.keys()
        assert {"saleor-api", "saleor-dashboard", "saleor-worker"} == errors(url, "30m").keys()
        assert max(errors(url, "30m").values()) < 0.5


@pytest.mark.parametrize("given", ["job", "=helios", "a b=c"])
def test_a_label_that_is_none_is_named(given: str) -> None:
    """With the form that it should have."""
    with pytest.raises(SettingsError, match=r"is not NAME=VALUE, such as job=helios"):
        parsed_labels([given])


@pytest.mark.integration
@pytest.mark.parametrize(
    "arguments", [["--past", "past.txt"], ["--live", "1", "--cycles", "3"]], ids=["past", "cycles"]
)
def test_what_does_not_go_together_is_refused(arguments: list[str]) -> None:
    """A replay at speed has no past that Prometheus could hold, and a few cycles are not in real time."""
    done = ran(["demo", *arguments])
    assert 2 == done.returncode
    assert "--live" in done.stderr

"""What the panels' numbers say of fleets that are in a state which a replay does not come to, on a real Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest

from scoring.gauges import (
    ANOMALY_ALARMS,
    CURRENT,
    LEDGER_HOURS,
    LEDGER_SHORT,
    MAXIMUM,
    PATHS,
    RECOMMENDED,
    TARGET_INFO,
    UNCAPPED,
    Gauge,
)
from scripts.dashboards.queries import CYCLE_AT, INTERVAL
from tests.dashboards.queries import Window, dashboard, executed, panels
from tests.sources.prometheus_server import Metrics, prometheus

pytestmark = pytest.mark.integration

END = 1_790_000_000.0
SCRAPE_SECONDS = 60.0
SHOWN_SECONDS = 6 * 3600.0
RESTART = END - 2 * 3600.0
"""When another pod took over."""

MIXED, UPGRADED, RESTARTED, FORGETFUL = "mixed", "upgraded", "restarted", "forgetful"
"""Namespaces, each with a fleet of its own."""


def minutes(start: float = END - SHOWN_SECONDS, end: float = END) -> list[float]:
    """When it was scraped."""
    return [start + SCRAPE_SECONDS * i for i in range(round((end - start) / SCRAPE_SECONDS) + 1)]


class Fleet(Metrics):
    """Builds what Helios says of its targets."""

    def tell(
        self,
        gauge: Gauge,
        namespace: str,
        deployment: str,
        value: float | Mapping[float, float],
        **labels: str,
    ) -> None:
        """A gauge of one target: the same number all the time, or a series."""
        samples = value if isinstance(value, Mapping) else dict.fromkeys(minutes(), value)
        self.add(gauge.name, {"namespace": namespace, "deployment": deployment, **labels}, samples)

    def ledger(self, namespace: str, deployment: str, *hours: float) -> None:
        """Replica-hours on the three paths, or on the first of them; a tenth of them minutes short."""
        for path, value in zip(PATHS, hours, strict=False):
            self.tell(LEDGER_HOURS, namespace, deployment, value, path=path)
            self.tell(LEDGER_SHORT, namespace, deployment, value / 10, path=path)


def alarms(raised: tuple[float, ...], times: list[float], before: int = 0) -> dict[float, float]:
    """A counter that goes on from `before` and rises at the moments of `raised`."""
    return {now: before + float(sum(now >= one for one in raised)) for now in times}


def told() -> str:
    """All that is asked about below, as it would have been scraped."""
    fleet = Fleet()
    # 1 ledgers: the fleet of an upgraded Helios, to which two targets came later; and one to which none came
    fleet.ledger(MIXED, "old", 280.0, 425.0)
    fleet.ledger(MIXED, "new", 116.0, 99.5, 99.5)
    fleet.ledger(MIXED, "newer", 100.0, 80.0, 90.0)
    fleet.ledger(UPGRADED, "old", 280.0, 425.0)
    # 2 bounds: in Observe beside somebody who runs 30, and one that is bound to 10
    for name, current in (("generous", 30.0), ("bound", 10.0)):
        mode = "Observe" if name == "generous" else "Autoscale"
        fleet.tell(TARGET_INFO, MIXED, name, 1.0, mode=mode)
        fleet.tell(CURRENT, MIXED, name, current)
        fleet.tell(RECOMMENDED, MIXED, name, 10.0)
        fleet.tell(UNCAPPED, MIXED, name, 25.0)
        fleet.tell(MAXIMUM, MIXED, name, 10.0)
    fleet.tell(TARGET_INFO, UPGRADED, "old", 1.0, mode="Observe")
    # 3 alarms: two before a restart and one after it; the snapshot was there, or lost
    first, then = minutes(end=RESTART), minutes(start=RESTART + SCRAPE_SECONDS)
    earlier, later = (END - 5 * 3600, END - 4 * 3600), (END - 3600,)
    for namespace, before in ((RESTARTED, 7), (FORGETFUL, 0)):
        fleet.tell(ANOMALY_ALARMS, namespace, "api", alarms(earlier, first, 5), instance="10.0.0.1:8080")
        fleet.tell(ANOMALY_ALARMS, namespace, "api", alarms(later, then, before), instance="10.0.0.2:8080")
    # 4 a loop that has not ended a cycle
    fleet.add(CYCLE_AT, {"namespace": "helios"}, dict.fromkeys(minutes(), 0.0))
    fleet.add(INTERVAL, {"namespace": "helios"}, dict.fromkeys(minutes(), 300.0))
    return fleet.text()


@dataclass(frozen=True)
class Reader:
    """Somebody who looks at a dashboard."""

    url: str

    def numbers(self, uid: str, title: str, namespace: str) -> dict[str, float]:
        """A panel's numbers at the end of the range, by path or deployment, of the targets in a namespace."""
        board, window = dashboard(uid), Window(END, SHOWN_SECONDS, SCRAPE_SECONDS)
        board["panels"] = [panel for panel in panels(board) if panel["title"] == title]
        answers = executed(board, self.url, window, chosen={"namespace": [namespace]})
        found: dict[str, float] = {}
        for asked in (answer.asked for answer in answers if answer.panel == title):
            answer = httpx.post(
                f"{self.url}/api/v1/query", data={"query": asked, "time": END}, trust_env=False
            )
            for one in answer.raise_for_status().json()["data"]["result"]:
                labels = one["metric"]
                found[labels.get("path", labels.get("deployment", ""))] = float(one["value"][1])
        return found


@pytest.fixture(scope="module")
def reader(needs: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Of a Prometheus that holds all of these fleets."""
    binary, promtool, folder = needs("prometheus"), needs("promtool"), tmp_path_factory.mktemp("numbers")
    with prometheus(folder, told(), binary=binary, promtool=promtool) as url:
        yield Reader(url)


def test_the_ledgers_paths_are_summed_over_the_same_targets(reader: Reader) -> None:
    """One that was there before an upgrade has no reactive path in its first week, and is in none of the sums."""
    hours = {"actual": 216.0, "recommended": 179.5, "reactive": 189.5}
    assert hours == reader.numbers("helios-overview", "Replica-hours", MIXED)
    short = reader.numbers("helios-overview", "Minutes short", MIXED)
    assert {path: value / 10 for path, value in hours.items()} == pytest.approx(short)
    saved = reader.numbers("helios-overview", "Saved by following", MIXED)
    assert {"": 1 - 179.5 / 216.0} == pytest.approx(saved)


def test_the_ledgers_sums_say_how_many_targets_they_are_of(reader: Reader) -> None:
    """Two of three."""
    assert {"": 2 / 3} == pytest.approx(reader.numbers("helios-overview", "Targets counted", MIXED))


@pytest.mark.parametrize("title", ["Replica-hours", "Minutes short", "Saved by following", "Targets counted"])
def test_ledgers_that_cannot_be_compared_give_no_number(reader: Reader, title: str) -> None:
    """Where no target has all three paths, the panel says so in words."""
    assert {} == reader.numbers("helios-overview", title, UPGRADED)


@pytest.mark.parametrize("namespace", [RESTARTED, FORGETFUL])
def test_alarms_before_and_after_a_restart_are_counted(reader: Reader, namespace: str) -> None:
    """Once each, whether the new pod goes on from the old one's number or begins anew."""
    assert {"": 3.0} == reader.numbers("helios-anomalies", "Alarms in this range", namespace)


def test_a_loop_that_has_not_ended_a_cycle_gives_no_number_of_intervals(reader: Reader) -> None:
    """Instead of some millions since 1970."""
    assert {} == reader.numbers("helios-overview", "Last cycle", MIXED)


@pytest.mark.parametrize("uid", ["helios-overview", "helios-recommendations"])
def test_a_workload_that_runs_all_it_asks_for_is_not_above_its_maximum(reader: Reader, uid: str) -> None:
    """Somebody else may run more of it than Helios might."""
    assert {"": 1.0} == reader.numbers(uid, "Above their maximum", MIXED)


def test_targets_in_autoscale_are_counted(reader: Reader) -> None:
    """One of two, and none of one: a number also where there is none."""
    assert {"": 1.0} == reader.numbers("helios-recommendations", "In Autoscale", MIXED)
    assert {"": 0.0} == reader.numbers("helios-recommendations", "In Autoscale", UPGRADED)


def test_a_gap_in_observe_is_nobodys_fault(reader: Reader) -> None:
    """Only a target in Autoscale is late: that in Observe is 20 replicas away and the other has arrived."""
    assert {"": 0.0} == reader.numbers("helios-recommendations", "Not there yet", MIXED)

"""`helios run` against a real Prometheus that holds two weeks of a real trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from helios.app import build
from helios.clocks import SteppedClock
from helios.settings import Scoring, Settings
from helios.sources.traces import Trace
from scoring.metrics_stream import Workloads
from scoring.panels import Floats, Panel, Series
from scoring.policies import Target
from scoring.reports import Report
from tests.processes.commands import Running, started
from tests.sources.clusters import Workload, load
from tests.sources.prometheus_server import Metrics, prometheus

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

STEP = 300.0
TRACE = Path(__file__).parents[1] / "data" / "trace.csv.gz"
PODS, REQUEST = 6, 1.0
SERVICES = {"saleor-api": ("azure_cpu_usage", 5e-7), "saleor-worker": ("google_cpu_util_percent", 0.06)}
CONFIG = """
scoring: {{interval_seconds: 2, step_seconds: 300}}
prometheus: {{url: "{url}"}}
targets:
  - {{namespace: saleor, deployment: saleor-api, replicas: {{min: 1, max: 20}}, behavior: {{cooldownSeconds: 0}}}}
  - {{namespace: saleor, deployment: saleor-worker, replicas: {{min: 1, max: 20}}, behavior: {{cooldownSeconds: 0}}}}
  - {{namespace: saleor, deployment: saleor-ghost}}
"""


@dataclass(frozen=True)
class Shop:
    """What was loaded: cores of each service, `[steps]`, the last of which ends at `end`."""

    metrics: str
    cores: dict[str, Floats]
    end: float


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Two weeks of two real columns as two deployments of six pods, ending ten minutes ahead."""
    trace = Trace.from_csv(TRACE)
    end = (time.time() // STEP + 3) * STEP
    cores = {n: trace.values[trace.index(c)] * np.float32(s) for n, (c, s) in SERVICES.items()}
    metrics = Metrics()
    start = end - trace.values.shape[1] * STEP
    for name, demand in cores.items():
        memory = (demand * 2**30).tolist()
        load(
            metrics,
            Workload("saleor", name, demand.tolist(), memory, pods=PODS, request=REQUEST),
            start,
            STEP,
        )
    return Shop(metrics.text(), cores, end)


@pytest.fixture
def server(shop: Shop, tmp_path: Path, needs: Callable[[str], str]) -> Iterator[str]:
    """The real Prometheus that holds it."""
    with prometheus(tmp_path, shop.metrics, binary=needs("prometheus"), promtool=needs("promtool")) as url:
        yield url


class Known:
    """The same two weeks straight from the trace: what the replay of it would say."""

    points_per_read = 10_000_000

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def read(self, series: Sequence[Series], start: float, end: float, step: float) -> Panel:
        """A column at g tells of the five minutes before g."""
        values = np.full((len(series), round((end - start) / step) + 1), np.nan, np.float32)
        for row, one in enumerate(series):
            if one.metric == "cpu" and one.deployment in self._shop.cores:
                demand = self._shop.cores[one.deployment]
                last = len(demand) - 1 - round((self._shop.end - end) / step)
                values[row] = demand[last - values.shape[1] + 1 : last + 1]
        return Panel(tuple(series), start, step, values, np.zeros(values.shape, np.bool_))

    def observe(self, workloads: Sequence[tuple[str, str, str]], series: Sequence[Series]) -> Workloads:
        """Six pods of one core, ready after twenty seconds."""
        return Workloads(
            np.full(len(workloads), PODS, np.float32),
            np.full(len(series), REQUEST, np.float32),
            np.full(len(series), np.nan, np.float32),
            np.full(len(workloads), 20, np.float32),
        )


def reports(run: Running) -> dict[str, dict[str, object]]:
    """The latest report of every target by name."""
    return {report["deployment"]: report for report in run.get("/targets").json()["targets"]}


def replayed(shop: Shop, now: float) -> dict[str, Report]:
    """The same targets at the same moment, from the trace itself."""
    settings = Settings(scoring=Scoring(interval_seconds=2))
    targets = tuple(
        Target(namespace="saleor", deployment=name, max_replicas=20, cooldown_seconds=0) for name in SERVICES
    )
    built = build(settings, Known(shop), clock=SteppedClock(now), targets=targets)
    assert built.loop is not None
    built.loop.fill()
    built.loop.cycle(now)
    return {report.deployment: report for report in built.live.reports()}


def test_a_real_prometheus_gives_what_the_trace_itself_gives(shop: Shop, server: str, tmp_path: Path) -> None:
    """History, forecast and recommendation agree with the replay of the same trace; a ghost costs nobody anything."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(url=server), encoding="utf-8")
    left = STEP - time.time() % STEP
    if left < 60:  # a step that begins meanwhile is one more than the replay has lived through
        time.sleep(left + 1)
    with started(["run", "--config", str(config)]) as run:

        def complete() -> bool:
            cpu = reports(run).get("saleor-api", {}).get("metrics", [{"points": 0}])[0]  # type: ignore[index] # JSON
            return bool(cpu["points"] >= 2015)

        run.wait_for("a week of history", complete)
        told = reports(run)
        now = run.get("/targets/saleor/saleor-api/history?points=2").json()["times"][-1]
        ours = replayed(shop, now)
        for name in SERVICES:
            report, wanted = told[name], ours[name]
            assert PODS == report["current_replicas"]
            assert wanted.recommended_replicas == report["recommended_replicas"]
            assert wanted.reason.split(" (")[0].split(":")[0] == report["reason"].split(" (")[0].split(":")[0]  # type: ignore[attr-defined] # JSON
            for horizon, known in zip(
                report["metrics"][0]["horizons"], wanted.metrics[0].horizons, strict=True
            ):  # type: ignore[index] # JSON
                assert horizon["median"] == pytest.approx(known.median, rel=0.01)
        ghost = told["saleor-ghost"]
        assert (None, "no-data") == (ghost["recommended_replicas"], ghost["state"])
        assert "saleor-ghost" in str(ghost["problem"])
        text = run.get("/metrics").text
        assert 'helios_scaling_signal{namespace="saleor",deployment="saleor-api"}' in text
        assert ["helios_target_info"] == [
            line.split("{")[0] for line in text.splitlines() if "saleor-ghost" in line
        ]
        assert 0 == run.end()


def test_a_prometheus_that_dies_takes_the_gauges_with_it_and_not_the_loop(
    shop: Shop, tmp_path: Path, needs: Callable[[str], str]
) -> None:
    """Within three intervals the gauges are gone, the cause is in the log, and the API still answers."""
    config = tmp_path / "config.yaml"
    inner = tmp_path / "prometheus"
    inner.mkdir()
    with prometheus(inner, shop.metrics, binary=needs("prometheus"), promtool=needs("promtool")) as url:
        config.write_text(CONFIG.format(url=url), encoding="utf-8")
        running = started(["run", "--config", str(config)])
        run = running.__enter__()
        run.wait_for("a gauge", lambda: "helios_scaling_signal{" in run.get("/metrics").text)
    try:
        run.wait_for("silence", lambda: "helios_scaling_signal{" not in run.get("/metrics").text, 30)
        assert [line for line in run.lines if "stage degraded" in line and url in line]
        cycle = run.get("/targets").json()["cycle"]
        run.wait_for("another cycle", lambda: run.get("/targets").json()["cycle"] > cycle, 30)
        assert 200 == run.get("/live").status_code
        assert "expired" == reports(run)["saleor-api"]["state"]
        assert 503 == run.get("/targets/saleor/saleor-api/replicas").status_code
        assert 0 == run.end()
    finally:
        running.__exit__(None, None, None)

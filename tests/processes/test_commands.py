"""The command line does what the README says, and ends as it should."""

from __future__ import annotations

import json
import signal
import socketserver
import threading
import time
from pathlib import Path

import httpx
import pytest

from helios.demos.saleor import FLEET
from tests.processes.commands import ran, started

pytestmark = pytest.mark.integration


def test_the_demo_runs_cycles_for_scripts() -> None:
    """`helios demo --cycles 3 --json` prints three reports of the whole fleet and serves nothing."""
    done = ran(["demo", "--cycles", "3", "--json"])
    cycles = [json.loads(line) for line in done.stdout.splitlines()]
    assert (0, "", 3) == (done.returncode, done.stderr, len(cycles))
    for cycle in cycles:
        assert {} == cycle["faults"]
        assert {s.name for s in FLEET} == {r["deployment"] for r in cycle["reports"]}
        for report in cycle["reports"]:
            assert report["recommended_replicas"] >= report["min_replicas"]
            assert report["reason"]
            assert report["metrics"][0]["horizons"]


def test_the_demo_prints_a_table_for_people() -> None:
    """Without --json a cycle is a table that names every service."""
    done = ran(["demo", "--cycles", "1"])
    assert 0 == done.returncode
    for service in FLEET:
        assert service.name in done.stdout


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_the_demo_serves_everything_and_ends_cleanly(by: signal.Signals) -> None:
    """Page, gauges and API are there as soon as the address is printed; Ctrl-C ends it with exit code 0."""
    with started(["demo", "--speed", "3000"]) as demo:
        assert "<title>" in demo.get("/").text
        assert "swagger" in demo.get("/docs").text.lower() or "<script" in demo.get("/docs").text
        assert (
            'helios_scaling_signal{namespace="saleor",deployment="saleor-api"}' in demo.get("/metrics").text
        )
        before = demo.get("/targets").json()["cycle"]
        demo.wait_for("another cycle", lambda: demo.get("/targets").json()["cycle"] > before)
        history = demo.get("/targets/saleor/saleor-api/history?points=200").json()
        assert [] != [v for v in history["metrics"][0]["predicted"] if v is not None]
        replicas = demo.get("/targets/saleor/saleor-api/replicas").json()["replicas"]
        assert 2 <= replicas <= 30
        assert 0 == demo.end(by)
        assert not [line for line in demo.lines if "Traceback" in line]


def test_an_open_page_does_not_keep_the_demo_alive() -> None:
    """An event stream is cut at Ctrl-C."""
    with started(["demo"]) as demo, httpx.stream("GET", demo.url + "/events", timeout=10) as stream:
        assert next(line for line in stream.iter_lines() if line == "event: cycle")
        assert 0 == demo.end()


def test_the_api_alone_answers_without_any_source() -> None:
    """`helios serve` predicts from a snapshot and has no targets."""
    with started(["serve"]) as api:
        assert {"ready": True, "models_loaded": ["baseline"]} == api.get("/ready").json()
        assert [] == api.get("/targets").json()["targets"]
        assert 0 == api.end()


CSV = "timestamp,web,web:memory\n" + "".join(
    f"2026-01-{1 + i // 288:02d}T{i % 288 // 12:02d}:{i % 12 * 5:02d}:00Z,{4 + (i % 288) / 96:.2f},{2**30}\n"
    for i in range(4 * 288)
)


def test_one_cycle_over_a_csv_is_a_table(tmp_path: Path) -> None:
    """`helios score` replays anyone's CSV; a column is a target; exit code 0 when all were decided."""
    (tmp_path / "trace.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "config.yaml").write_text(
        f"replay: {{path: '{tmp_path}/trace.csv'}}\ntargets: [{{namespace: shop, deployment: web}}]\n",
        encoding="utf-8",
    )
    done = ran(["score", "--config", str(tmp_path / "config.yaml")])
    assert (0, "") == (done.returncode, done.stderr)
    assert "shop/web" in done.stdout
    told = json.loads(ran(["score", "--json", "--config", str(tmp_path / "config.yaml")]).stdout)
    assert (1, 1) == (told["targets"], told["decided"])
    assert 1152 == told["reports"][0]["metrics"][0]["points"]


def test_a_replay_runs_as_a_service(tmp_path: Path) -> None:
    """`helios run` with replay.path needs no Prometheus."""
    (tmp_path / "trace.csv").write_text(CSV.replace("web:memory", "api"), encoding="utf-8")
    (tmp_path / "config.yaml").write_text(f"replay: {{path: '{tmp_path}', speed: 3000}}\n", encoding="utf-8")
    with started(["run", "--config", str(tmp_path / "config.yaml")]) as run:
        targets = run.wait_for("a report", lambda: run.get("/targets").json()["targets"])
        assert ["api", "web"] == [t["deployment"] for t in targets]
        assert 0 == run.end()


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        pytest.param(
            ["run"],
            {"HELIOS_METRICS_NAMESPACE": "a", "HELIOS_METRICS_DEPLOYMENT": "b"},
            ["HELIOS_PROMETHEUS_URL"],
            id="no-source",
        ),
        pytest.param(
            ["run"],
            {"HELIOS_PROMETHEUS_URL": "http://127.0.0.1:9"},
            ["targets", "HELIOS_METRICS_NAMESPACE"],
            id="no-target",
        ),
        pytest.param(
            ["run"],
            {
                "HELIOS_PROMETHEUS_URL": "nonsense",
                "HELIOS_METRICS_NAMESPACE": "a",
                "HELIOS_METRICS_DEPLOYMENT": "b",
            },
            ["nonsense"],
            id="url",
        ),
        pytest.param(["serve", "--config", "/nowhere.yaml"], {}, ["/nowhere.yaml"], id="no-file"),
        pytest.param(["serve"], {"HELIOS_PORT": "many"}, ["HELIOS_PORT", "many"], id="port"),
        pytest.param(["demo", "--cycles", "0"], {}, ["--cycles"], id="cycles"),
        pytest.param(["fly"], {}, ["fly"], id="command"),
    ],
)
def test_unusable_input_is_one_error_and_exit_code_2(
    arguments: list[str], environment: dict[str, str], words: list[str]
) -> None:
    """The error names what is wrong and what to do; there is no traceback."""
    done = ran(arguments, environment)
    assert 2 == done.returncode
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_the_demo_leaves_a_real_snapshot_alone(tmp_path: Path) -> None:
    """HELIOS_STATE_PATH belongs to `helios run`."""
    assert 0 == ran(["demo", "--cycles", "1"], {"HELIOS_STATE_PATH": str(tmp_path)}).returncode
    assert [] == list(tmp_path.iterdir())


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """On one kept connection an answer takes a few milliseconds, not the forty of Nagle's algorithm."""
    with started(["serve"]) as api, httpx.Client(base_url=api.url) as client:
        spans = []
        for _ in range(20):
            began = time.perf_counter()
            client.post("/predict", json={"metrics": {"cpu_utilization": 0.5}})
            spans.append(time.perf_counter() - began)
        assert sorted(spans)[10] < 0.030
        assert 0 == api.end()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--host", "no.such.host.invalid"], ["no.such.host.invalid", "--host"], id="unknown"),
        pytest.param(["--host", "192.0.2.1"], ["192.0.2.1", "--host"], id="not-ours"),
        pytest.param(["--port", "80000"], ["--port", "65535"], id="range"),
    ],
)
def test_an_address_that_cannot_be_had_is_said_so(arguments: list[str], words: list[str]) -> None:
    """The error names the address and the option; there is no traceback."""
    done = ran(["serve", *arguments])
    assert 2 == done.returncode
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_port_that_is_taken_is_said_so() -> None:
    """The error names the port and how to choose another."""
    with started(["serve"]) as first:
        port = first.url.rpartition(":")[2]
        done = ran(["serve", "--host", "127.0.0.1", "--port", port])
        assert 2 == done.returncode
        assert f"port {port}" in done.stderr
        assert "--port" in done.stderr


class Hanging(socketserver.StreamRequestHandler):
    """Takes a question and never answers."""

    def handle(self) -> None:
        """Wait until the client gives up."""
        while self.connection.recv(4096):
            pass


def test_ctrl_c_does_not_wait_for_a_prometheus_that_hangs(tmp_path: Path) -> None:
    """A cycle may go on for two seconds; then its source is cut off."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Hanging) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = tmp_path / "config.yaml"
        config.write_text(
            f"prometheus: {{url: 'http://127.0.0.1:{server.server_address[1]}', timeout_seconds: 60}}\n"
            "targets: [{namespace: shop, deployment: web}]\n",
            encoding="utf-8",
        )
        with started(["run", "--config", str(config)]) as run:
            assert 200 == run.get("/live").status_code
            began = time.monotonic()
            assert 0 == run.end()
            assert time.monotonic() - began < 12
        server.shutdown()

"""How the process says how it is: liveness, readiness, models, metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from helios.api.contexts import ApiSettings
from helios.api.live import Nothing
from helios.models.stores import ModelStore
from scoring.reports import Report
from tests.api.builders import CannedLive
from tests.api.conftest import Served
from tests.models.test_stores import put
from tests.ui.builders import NOW, STEP

Serve = Callable[..., Served]


class BrokenLive(CannedLive):
    """A loop with a fault."""

    def reports(self) -> Sequence[Report]:
        """Fail."""
        raise RuntimeError("a fault")

    def exposition(self, now: float) -> bytes:
        """Fail."""
        raise RuntimeError(f"a fault at {now}")


CPU = {"metrics": {"cpu_utilization": 0.5}}


@pytest.mark.parametrize("path", ["/live", "/healthz"])
def test_a_beating_loop_is_alive(api: Served, path: str) -> None:
    """Liveness is 200 while the loop beats, and says how long ago it did."""
    answer = api.get(path)
    assert (200, {"alive": True, "heartbeat_age_seconds": 12.0}) == (answer.status_code, answer.json())


@pytest.mark.parametrize("path", ["/live", "/healthz"])
def test_a_hung_loop_is_not_alive(serve: Serve, path: str) -> None:
    """Liveness is 503 once the loop is silent for longer than the limit, so that Kubernetes restarts the pod."""
    api = serve(live=CannedLive(age=61.0), settings=ApiSettings(heartbeat_limit_seconds=60))
    answer = api.get(path)
    assert 503 == answer.status_code
    assert "silent for 61 s; the limit is 60 s" in answer.json()["detail"]
    assert "degraded" == api.get("/health").json()["status"]


def test_a_cycle_that_failed_is_no_good_health(serve: Serve) -> None:
    """`/health` is degraded and names each stage that failed; after a good cycle it is as the requirements say."""
    live = CannedLive(wrong={"advance": "no connection"})
    api = serve(live=live)
    answer = api.get("/health").json()
    assert ("degraded", {"advance": "no connection"}) == (answer["status"], answer["faults"])
    assert 200 == api.get("/live").status_code
    live.wrong = {}
    answer = api.get("/health").json()
    assert ({"status", "timestamp"}, "healthy") == (set(answer), answer["status"])


def test_a_process_without_a_loop_is_alive(serve: Serve) -> None:
    """`helios serve` alone has no loop, and is alive without one."""
    assert {"alive": True, "heartbeat_age_seconds": None} == serve(live=Nothing()).get("/live").json()


@pytest.mark.parametrize("path", ["/ready", "/readyz"])
def test_not_ready_without_a_model(serve: Serve, tmp_path: Path, path: str) -> None:
    """An empty model folder makes the service unready with 503, and says which folder and why."""
    answer = serve(models=ModelStore(tmp_path)).get(path)
    assert 503 == answer.status_code
    problem = answer.json()
    assert (False, []) == (problem["ready"], problem["models_loaded"])
    assert str(tmp_path) in problem["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/predict", CPU, id="predict"),
        pytest.param("/detect", CPU, id="detect"),
        pytest.param(
            "/recommend", {"current_replicas": 1, "current_metrics": {"cpu_utilization": 0.9}}, id="recommend"
        ),
    ],
)
def test_nothing_is_answered_without_a_model(serve: Serve, tmp_path: Path, path: str, body: object) -> None:
    """Inference is 503 while no model is loaded, never a made-up number."""
    answer = serve(models=ModelStore(tmp_path)).post(path, body)
    assert (503, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    assert "no model is loaded" in answer.json()["detail"]


def test_models_shows_what_is_wrong(serve: Serve, tmp_path: Path) -> None:
    """`/models` lists the problems of folders that could not be loaded."""
    (tmp_path / "baseline" / "1.0.0").mkdir(parents=True)
    answer = serve(models=ModelStore(tmp_path)).get("/models").json()
    assert ["expectations", "fleet"] == [model["name"] for model in answer["models"]]
    assert "metadata.json: No such file or directory" in answer["problems"][0]


def test_models_says_where_a_model_came_from(api: Served) -> None:
    """A bundled model is called so."""
    assert {"baseline": "bundled", "expectations": "bundled", "fleet": "bundled"} == {
        model["name"]: model["source"] for model in api.get("/models").json()["models"]
    }


def test_a_new_version_is_taken_up_while_serving(serve: Serve, tmp_path: Path) -> None:
    """A version put into the folder is in force after the refresh interval, without a restart."""
    store = ModelStore(tmp_path / "models", interval=0.02)
    put(tmp_path / "models", "1.0.0")
    api = serve(models=store)
    put(tmp_path / "models", "1.1.0")
    give_up = time.monotonic() + 5
    while api.get("/models").json()["models"][0]["version"] != "1.1.0" and time.monotonic() < give_up:
        api.moment[0] += 1
        time.sleep(0.01)
    assert "1.1.0" == api.get("/models").json()["models"][0]["version"]


class StumblingStore(ModelStore):
    """A store that fails the first times it looks."""

    looks = 0

    def refresh(self, now: float) -> bool:
        """Fail, fail, look."""
        self.looks += 1
        if self.looks < 3:
            raise RuntimeError("a fault")
        return super().refresh(now)


def test_looking_for_models_goes_on_after_a_fault(serve: Serve) -> None:
    """Whatever goes wrong while models are looked for is logged, and the next look brings them."""
    api = serve(models=StumblingStore(None, interval=0.01))
    give_up = time.monotonic() + 5
    while api.get("/ready").status_code != 200 and time.monotonic() < give_up:
        time.sleep(0.01)
    assert 200 == api.get("/ready").status_code


def test_a_fault_of_ours_is_a_problem_too(serve: Serve) -> None:
    """Where the loop fails to answer the client gets a readable 500, and the next request is served."""
    api = serve(live=BrokenLive())
    for answer in (api.get("/targets"), api.get("/metrics")):
        assert (500, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
        assert "its log says why" in answer.json()["detail"]
    assert 200 == api.get("/health").status_code


def test_metrics_can_be_scraped(serve: Serve) -> None:
    """`/metrics` is Prometheus text with the process' own metrics and the targets' gauges, each family once."""
    api = serve()
    api.post("/predict", CPU)
    answer = api.get("/metrics")
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    families = list(text_string_to_metric_families(answer.text))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    assert {"helios_inference_duration_seconds", "helios_recommended_replicas"} <= set(names)
    counts = {
        sample.labels["endpoint"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "helios_inference_duration_seconds_count"
    }
    assert {"/predict": 1.0, "/detect": 0.0, "/recommend": 0.0} == counts


def test_answers_are_counted_by_route_and_code(serve: Serve) -> None:
    """Every counter is there from the start, or the first error would have no rate; a refused body counts too."""
    api = serve()
    api.post("/predict", CPU)
    api.post("/predict", {"metrics": {"cpu_utilization": -1}})
    api.get("/recommend")
    (family,) = (
        f
        for f in text_string_to_metric_families(api.get("/metrics").text)
        if f.name == "helios_inference_requests"
    )
    counts = {
        (s.labels["endpoint"], s.labels["code"]): s.value for s in family.samples if s.name.endswith("_total")
    }
    assert {("/predict", "200"): 1, ("/predict", "422"): 1, ("/recommend", "405"): 1} == {
        place: count for place, count in counts.items() if count
    }
    assert 0 == counts["/detect", "500"]


class SlowLive(CannedLive):
    """A loop whose gauges take a while to render."""

    def exposition(self, now: float) -> bytes:
        """Take half a second."""
        time.sleep(0.5)
        return super().exposition(now)


def test_rendering_gauges_keeps_nobody_waiting(serve: Serve) -> None:
    """While the gauges of a large fleet are rendered every other route answers at once."""
    api = serve(live=SlowLive())
    with ThreadPoolExecutor(1) as pool:
        scrape = pool.submit(api.get, "/metrics")
        time.sleep(0.05)
        began = time.monotonic()
        assert 200 == httpx.get(api.url + "/health").status_code
        assert time.monotonic() - began < 0.3
        assert "helios_recommended_replicas" in scrape.result().text


def test_expired_gauges_vanish(serve: Serve) -> None:
    """Past their expiry the targets' gauges are gone, and the process' own metrics stay."""
    api = serve()
    api.moment[0] = NOW + 4 * STEP
    text = api.get("/metrics").text
    assert "helios_recommended_replicas" not in text
    assert "helios_inference_duration_seconds" in text


def test_nothing_may_be_loaded_from_elsewhere(api: Served) -> None:
    """Every answer forbids a browser to load anything from another host."""
    for path in ("/health", "/docs", "/nothing"):
        assert api.get(path).headers["content-security-policy"].startswith("default-src 'self';")

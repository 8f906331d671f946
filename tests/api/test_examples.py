"""The requirements' examples, field for field."""

from __future__ import annotations

import pytest

from tests.api.conftest import Served

SNAPSHOT = {
    "cpu_utilization": 0.45,
    "memory_utilization": 0.62,
    "memory_bytes": 536870912,
    "db_cpu": 0.30,
    "db_memory": 0.55,
    "db_connections": 15,
}
STRESSED = {
    "cpu_utilization": 0.95,
    "memory_utilization": 0.88,
    "memory_bytes": 1073741824,
    "db_cpu": 0.85,
    "db_memory": 0.75,
    "db_connections": 150,
}
WORKLOAD = {
    "namespace": "saleor",
    "deployment": "saleor-api",
    "current_replicas": 2,
    "current_metrics": {"cpu_utilization": 0.75, "memory_utilization": 0.60},
    "predicted_metrics": {"cpu_utilization": 0.85, "memory_utilization": 0.65},
    "anomaly_score": 1.2,
}


def test_health_says_healthy_and_the_time(api: Served) -> None:
    """`GET /health` answers as in the requirements, the time in UTC with a Z."""
    assert {"status": "healthy", "timestamp": "2026-03-12T14:35:00Z"} == api.get("/health").json()


def test_ready_names_the_loaded_models(api: Served) -> None:
    """`GET /ready` answers as in the requirements."""
    assert {"ready": True, "models_loaded": ["baseline"]} == api.get("/ready").json()


def test_models_lists_name_version_time_and_metrics(api: Served) -> None:
    """`GET /models` has the requirements' fields, with measured metrics."""
    model, expectations, fleet = api.get("/models").json()["models"]
    assert [("expectations", "helios-expectations/1"), ("fleet", "helios-forecaster/1")] == [
        (one["name"], one["format"]) for one in (expectations, fleet)
    ]
    assert ("baseline", "1.0.0", "2026-03-12T14:35:00Z") == (
        model["name"],
        model["version"],
        model["loaded_at"],
    )
    assert 0.02 < model["metrics"]["mape"] < 0.2
    assert 0.75 < model["metrics"]["coverage"] < 0.87


def test_predict_answers_twelve_periods_with_a_band(api: Served) -> None:
    """`POST /predict` of the requirements' snapshot gives twelve periods of five minutes inside their bands."""
    answer = api.post("/predict", {"metrics": SNAPSHOT, "periods": 12, "model": "baseline"}).json()
    periods = answer["predictions"]
    assert list(range(1, 13)) == [period["period"] for period in periods]
    assert ("2026-03-12T14:40:00Z", "2026-03-12T15:35:00Z") == (
        periods[0]["timestamp"],
        periods[-1]["timestamp"],
    )
    for period in periods:
        assert period["confidence_lower"] < period["cpu_utilization"] < period["confidence_upper"]
        assert period["memory_lower"] < period["memory_utilization"] < period["memory_upper"]
    assert "baseline" == answer["model_used"]
    assert 0.75 < answer["confidence"] < 0.9
    assert "Google 2019" in answer["basis"]


def test_predict_needs_no_more_than_one_utilisation(api: Served) -> None:
    """The requirements' curl example works as it stands; what was not given stays unknown."""
    answer = api.post("/predict", {"metrics": {"cpu_utilization": 0.5}, "periods": 6}).json()
    assert 6 == len(answer["predictions"])
    assert [None] * 6 == [period["memory_utilization"] for period in answer["predictions"]]


def test_detect_flags_the_stressed_snapshot(api: Served) -> None:
    """`POST /detect` of the requirements' snapshot is an anomaly, and says why and what it could not judge."""
    answer = api.post("/detect", {"metrics": STRESSED}).json()
    assert answer["is_anomaly"] is True
    assert answer["anomaly_score"] >= 2.5 == answer["threshold"]
    assert answer["severity"] in {"warning", "critical"}
    shares = [feature["contribution"] for feature in answer["contributing_features"]]
    assert pytest.approx(1) == sum(shares)
    assert sorted(shares, reverse=True) == shares
    assert "cpu_utilization" == answer["contributing_features"][0]["feature"]
    assert ["memory_bytes", "db_connections"] == [part["feature"] for part in answer["unscored"]]
    assert "db_cpu (as cpu)" in answer["basis"]


def test_detect_leaves_an_ordinary_snapshot_alone(api: Served) -> None:
    """The snapshot of the requirements' prediction is no anomaly."""
    answer = api.post("/detect", {"metrics": SNAPSHOT}).json()
    assert (False, "normal") == (answer["is_anomaly"], answer["severity"])
    assert answer["anomaly_score"] < 1.5


def test_detect_flags_the_curl_example(api: Served) -> None:
    """The requirements' curl example, CPU at 95 %, is an anomaly."""
    assert api.post("/detect", {"metrics": {"cpu_utilization": 0.95}}).json()["is_anomaly"] is True


def test_recommend_turns_two_replicas_at_85_percent_into_four(api: Served) -> None:
    """`POST /recommend` reproduces the requirements' recommendation, word for word."""
    answer = api.post("/recommend", WORKLOAD).json()
    (advice,) = answer["recommendations"]
    wanted = {
        "type": "scaling",
        "action": "scale_up",
        "target_replicas": 4,
        "reason": "Predicted CPU 85% exceeds threshold 80%",
        "urgency": "medium",
        "execute_by": "2026-03-12T14:50:00Z",
    }
    assert wanted == {name: advice[name] for name in wanted}
    assert 0.9 < advice["confidence"] <= 1
    assert advice["band"]["lower"] < 0.85 < advice["band"]["upper"]
    assert "Scale up recommended before predicted load increase" == answer["summary"]


def test_metrics_has_the_histogram_of_the_requirements(api: Served) -> None:
    """`GET /metrics` exposes the inference histogram by endpoint with the requirements' buckets."""
    api.post("/predict", {"metrics": SNAPSHOT})
    text = api.get("/metrics").text
    for bound in ("0.1", "0.5", "1.0"):
        assert f'helios_inference_duration_seconds_bucket{{endpoint="/predict",le="{bound}"}}' in text

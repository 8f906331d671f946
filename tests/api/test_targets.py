"""The live targets over HTTP, and questions that are answered from their history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from helios.api.live import Deviation
from tests.api.builders import KEY, CannedLive, curve
from tests.api.conftest import Served
from tests.ui.builders import NOW, STEP, after, calibrating, critical, metric, report, silent

Serve = Callable[..., Served]
WHO = {"namespace": KEY[0], "deployment": KEY[1]}
PATH = "/targets/saleor/saleor-api"


def test_targets_lists_every_report(api: Served) -> None:
    """`/targets` gives each target's report with ISO times, and the cycle it is of."""
    answer = api.get("/targets").json()
    assert (7, 300.0, "2026-03-12T14:35:00Z") == (
        answer["cycle"],
        answer["step_seconds"],
        answer["generated_at"],
    )
    (target,) = answer["targets"]
    assert ("2026-03-12T14:35:00Z", "2026-03-12T14:50:00Z") == (target["scored_at"], target["expires_at"])
    assert (2, 4, "scored") == (target["current_replicas"], target["recommended_replicas"], target["state"])
    assert "2026-03-12T14:40:00Z" == target["metrics"][0]["horizons"][0]["at"]
    assert target == api.get(PATH).json()


def test_what_is_not_known_is_null(serve: Serve) -> None:
    """A target without data is listed with nulls and the reason, never with zeros."""
    target = serve(live=CannedLive({KEY: silent(report())})).get(PATH).json()
    assert [None] * 4 == [
        target[name] for name in ("scored_at", "current_replicas", "recommended_replicas", "confidence")
    ]
    assert "kube-state-metrics" in target["problem"]


def test_an_anomaly_is_told_whole(serve: Serve) -> None:
    """What came and what was expected, since when, what is done about it, what the threshold means; in fields and in words."""
    muted = critical(report(), muted=True, muted_until=NOW + 3600)
    told = serve(live=CannedLive({KEY: muted})).get(PATH).json()["anomaly"]
    assert {
        "detected": True,
        "severity": "critical",
        "kind": "drop",
        "since": "2026-03-12T14:20:00Z",
        "score": 4.2,
        "peak": 4.6,
        "metric": "cpu",
        "unit": "cores",
        "expected": 3.1,
        "came": 0.4,
        "threshold": 2.5,
        "alarms_per_week": 1.0,
        "alarms": 4,
        "muted": True,
        "muted_until": "2026-03-12T15:35:00Z",
        "acknowledged": False,
    }.items() <= told.items()
    assert list(muted.anomaly.effects) == told["effects"]
    assert told["text"].startswith("Drop since 14:20 UTC: cpu came at 0.4 cores where 3.1 were expected")


def test_a_score_that_is_not_calibrated_is_null_and_says_how_far_it_is(serve: Serve) -> None:
    """Points of those needed, never a zero."""
    told = serve(live=CannedLive({KEY: calibrating(report())})).get(PATH).json()["anomaly"]
    assert (None, False, 120, 288) == tuple(
        told[name] for name in ("score", "calibrated", "points", "needed")
    )
    assert "Calibrating: 120 of 288 points; no alarm before that." == told["text"]


def test_the_last_anomaly_is_told_when_it_is_over(serve: Serve) -> None:
    """In words, with its end; a target that never had one says nothing."""
    told = serve(live=CannedLive({KEY: after(report(), 2700)})).get(PATH).json()["anomaly"]
    assert told["last_text"].startswith("Drop from 13:20 UTC to 13:50 UTC: cpu came at 0.4 cores")
    assert "2026-03-12T13:50:00Z" == told["last_until"]
    never = serve(live=CannedLive({KEY: report()})).get(PATH).json()["anomaly"]
    assert ("", None) == (never["last_text"], never["last_until"])


def test_history_marks_where_anomalies_began(api: Served) -> None:
    """Their times, and the threshold to draw the score against."""
    answer = api.get(f"{PATH}/history?points=48").json()
    (onset,) = answer["anomaly_onsets"]
    assert 4.4 == answer["anomaly_score"][answer["times"].index(onset)]
    assert 2.5 == answer["anomaly_threshold"]


def test_an_unknown_target_is_not_found(api: Served) -> None:
    """An unknown target is 404 wherever it is asked for."""
    for tail in ("", "/history", "/replicas"):
        answer = api.get(f"/targets/saleor/nobody{tail}")
        assert (404, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    asked = {"metrics": {"cpu_utilization": 0.5}, "namespace": "saleor", "deployment": "nobody"}
    assert [404, 404] == [api.post(path, asked).status_code for path in ("/predict", "/detect")]


def test_history_has_as_many_points_as_asked_for(api: Served) -> None:
    """`/history` gives lists beside each other, gaps as null, as many points as were asked for."""
    answer = api.get(f"{PATH}/history?points=48").json()
    assert {48} == {len(answer[name]) for name in ("times", "current_replicas", "anomaly_score")}
    assert 48 == len(answer["metrics"][0]["demand"])
    assert len(answer["metrics"][0]["future_times"]) == len(answer["metrics"][0]["future_median"])


def test_replicas_is_what_keda_reads(api: Served) -> None:
    """`/replicas` gives the number alone."""
    assert {"replicas": 4} == api.get(f"{PATH}/replicas").json()


def test_replicas_is_the_scaling_signal(serve: Serve) -> None:
    """Where the signal is nudged past the HPA's dead band, KEDA gets the nudged number."""
    nudged = replace(report(), recommended_replicas=11, scaling_signal=12)
    assert {"replicas": 12} == serve(live=CannedLive({KEY: nudged})).get(f"{PATH}/replicas").json()


def test_stale_replicas_are_refused(serve: Serve) -> None:
    """Past its expiry a decision is 503, so that KEDA's fallback arms; never a frozen number."""
    api = serve()
    api.moment[0] = NOW + 3 * STEP
    answer = api.get(f"{PATH}/replicas")
    assert 503 == answer.status_code
    assert "expired" in answer.json()["detail"]


def test_replicas_without_a_decision_are_refused(serve: Serve) -> None:
    """A target that could not be scored is 503 with its problem."""
    answer = serve(live=CannedLive({KEY: silent(report())})).get(f"{PATH}/replicas")
    assert 503 == answer.status_code
    assert "kube-state-metrics" in answer.json()["detail"]


def test_refused_replicas_name_what_failed(serve: Serve) -> None:
    """Where the last cycle failed the 503 says at which stage and why, expired or never decided."""
    live = CannedLive({KEY: report()}, wrong={"advance": "no connection"})
    api = serve(live=live)
    assert {"replicas": 4} == api.get(f"{PATH}/replicas").json()
    api.moment[0] = NOW + 3 * STEP
    assert (
        "The last cycle failed in part: advance: no connection"
        in api.get(f"{PATH}/replicas").json()["detail"]
    )
    live.known[KEY] = silent(report())
    assert "advance: no connection" in api.get(f"{PATH}/replicas").json()["detail"]


def test_predict_uses_the_targets_own_history(api: Served) -> None:
    """With namespace and deployment the forecast is the loop's, as a share of what is requested now."""
    answer = api.post("/predict", {**WHO, "periods": 2}).json()
    first, second = answer["predictions"]
    assert (0.5, 0.45, 0.55) == (
        first["cpu_utilization"],
        first["confidence_lower"],
        first["confidence_upper"],
    )
    assert (0.505, 0.2525) == (second["cpu_utilization"], second["memory_utilization"])
    assert 0.79 == answer["confidence"]
    assert "the history of saleor/saleor-api" in answer["basis"]


def test_periods_count_from_the_newest_step_of_the_history(serve: Serve) -> None:
    """Where the loop says when its history ends, period k is that plus k steps, not now plus k steps."""
    live = CannedLive({KEY: report()}, curves=[replace(curve(), start=NOW - 130.0)])
    answer = serve(live=live).post("/predict", {**WHO, "periods": 2}).json()
    assert ["2026-03-12T14:37:50Z", "2026-03-12T14:42:50Z"] == [
        one["timestamp"] for one in answer["predictions"]
    ]


def test_predict_reaches_288_periods(api: Served) -> None:
    """A whole day is answered, from a snapshot and from a history."""
    for asked in (WHO, {"metrics": {"cpu_utilization": 0.5, "memory_utilization": 0.5}}):
        assert 288 == len(api.post("/predict", {**asked, "periods": 288}).json()["predictions"])


def test_a_metric_without_a_known_request_stays_unknown(serve: Serve) -> None:
    """Where the memory request is unknown memory is null, and the basis says so."""
    live = CannedLive({KEY: report()}, curves=[curve(), curve("memory", capacity=None)])
    answer = serve(live=live).post("/predict", {**WHO, "periods": 1}).json()
    assert answer["predictions"][0]["memory_utilization"] is None
    assert "memory as a share of its request" in answer["basis"]


@pytest.mark.parametrize(
    "curves", [pytest.param([], id="none"), pytest.param([curve(capacity=None)], id="no request")]
)
def test_a_target_without_a_forecast_is_unavailable(serve: Serve, curves: list[object]) -> None:
    """A target whose utilisation cannot be forecast yet is 503 with the reason and a time to come back."""
    answer = serve(live=CannedLive({KEY: silent(report())}, curves=curves)).post("/predict", WHO)  # type: ignore[arg-type]  # parametrised
    assert (503, "300") == (answer.status_code, answer.headers["retry-after"])
    assert "kube-state-metrics" in answer.json()["detail"]


def test_a_target_without_utilisation_says_so(serve: Serve) -> None:
    """A target that follows orders alone is told so, and not to wait for a request that will never be known."""
    orders = replace(report(), metrics=(metric("orders", "orders/s"),))
    api = serve(live=CannedLive({KEY: orders}, curves=[curve("orders", capacity=None)]))
    answer = api.post("/predict", WHO)
    assert 422 == answer.status_code
    assert "saleor/saleor-api follows orders, and neither cpu nor memory" in answer.json()["detail"]
    answer = api.post("/detect", {**WHO, "metrics": {"cpu_utilization": 0.5}})
    assert 422 == answer.status_code
    assert "cpu_utilization: saleor/saleor-api does not follow cpu, but orders" in answer.json()["detail"]


def test_detect_judges_by_the_targets_own_history(serve: Serve) -> None:
    """With namespace and deployment a drop counts as well, and the rest is judged by the reference."""
    live = CannedLive({KEY: report()}, sigmas=[Deviation("cpu", -4.0, -1)])
    asked = {**WHO, "metrics": {"cpu_utilization": 0.02, "memory_utilization": 0.4, "db_cpu": 0.3}}
    answer = serve(live=live).post("/detect", asked).json()
    assert answer["is_anomaly"] is True
    assert "cpu_utilization" == answer["contributing_features"][0]["feature"]
    assert [("memory_utilization", "too little history of memory of saleor/saleor-api")] == [
        (part["feature"], part["reason"]) for part in answer["unscored"]
    ]
    assert "the history of saleor/saleor-api" in answer["basis"]
    assert "db_cpu (as cpu)" in answer["basis"]


def test_detect_without_any_history_is_unavailable(serve: Serve) -> None:
    """Where nothing can be judged yet the answer is 503, not a zero."""
    answer = serve().post("/detect", {**WHO, "metrics": {"cpu_utilization": 0.5}})
    assert 503 == answer.status_code
    assert "too little history of cpu" in answer.json()["detail"]

"""POST /detect with what knows the service: a model trained on it, or the recent past that is sent along."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helios.api.live import Deviation
from helios.models.stores import ModelStore
from tests.api.builders import KEY, CannedLive
from tests.api.conftest import Served
from tests.api.test_examples import SNAPSHOT, STRESSED
from tests.models.builders import put_snapshots, replace_file
from tests.scoring.snapshots import KNOWN
from tests.ui.builders import report

Serve = Callable[..., Served]
WHO = {"namespace": KEY[0], "deployment": KEY[1]}
RECENT = [{name: value * (1 + 0.01 * (k % 3)) for name, value in SNAPSHOT.items()} for k in range(20)]
ABSOLUTE = ("memory_bytes", "db_connections")
SUBSETS = [
    names for count in range(1, len(STRESSED) + 1) for names in itertools.combinations(STRESSED, count)
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """Models among which is one of a service's own CPU, memory and connections."""
    root = tmp_path_factory.mktemp("models")
    put_snapshots(root)
    return ModelStore(root)


def asked(api: Served, metrics: dict[str, float], **more: Any) -> dict[str, Any]:
    """An answer that keeps what every answer promises."""
    answer = api.post("/detect", {"metrics": metrics} | more)
    assert 200 == answer.status_code, answer.text
    found: dict[str, Any] = answer.json()
    shares = [part["contribution"] for part in found["contributing_features"]]
    assert pytest.approx(1, abs=1e-9) == sum(shares)
    assert sorted(shares, reverse=True) == shares
    assert min(shares) >= 0
    assert 0 <= found["anomaly_score"] <= 12
    named = [part["feature"] for part in (*found["contributing_features"], *found["unscored"])]
    assert sorted(metrics) == sorted(named)
    score, severity = found["anomaly_score"], found["severity"]
    assert severity == ("normal" if score < 2.5 else "warning" if score < 3.5 else "critical")
    assert found["is_anomaly"] is (score >= 2.5)
    return found


def test_every_subset_of_the_requirements_snapshot_is_answered(serve: Serve, trained: ModelStore) -> None:
    """Whatever is missing, with a model that knows some of the metrics: the shape of the requirements."""
    api = serve(models=trained)
    for names in SUBSETS:
        if set(names) != {"memory_bytes"}:
            asked(api, {name: STRESSED[name] for name in names})


def test_every_subset_is_answered_beside_a_past(api: Served) -> None:
    """The same without a model of the service, with a recent past."""
    for names in SUBSETS:
        if len(names) > 1:
            found = asked(api, {name: STRESSED[name] for name in names}, recent=RECENT)
            assert [] == found["unscored"]


def test_connections_count_once_a_model_knows_them(serve: Serve, trained: ModelStore) -> None:
    """An absolute number is judged by the service's own life: 150 where CPU lets some 46 be expected."""
    found = asked(serve(models=trained), {"cpu_utilization": 0.6, "db_connections": 150}, hour=3)
    first = found["contributing_features"][0]
    assert ("critical", "db_connections") == (found["severity"], first["feature"])
    assert pytest.approx(46, abs=5) == first["expected"]
    assert "xgboost 1.0.0, trained on 3 series of one shop" in found["basis"]


def test_the_hour_counts_for_a_model_of_ones_own(serve: Serve, trained: ModelStore) -> None:
    """High CPU is ordinary in the morning and not in the evening."""
    api = serve(models=trained)
    morning, evening = (asked(api, {"cpu_utilization": 0.65}, hour=hour)["anomaly_score"] for hour in (6, 18))
    assert morning < 1.5
    assert evening > 2.5


def test_without_an_hour_it_is_now(serve: Serve, trained: ModelStore) -> None:
    """The clock says 14:35 UTC."""
    api = serve(models=trained)
    now, said = (asked(api, {"cpu_utilization": 0.6}, **more) for more in ({}, {"hour": 14 + 35 / 60}))
    assert now == said


def test_what_the_model_does_not_know_is_judged_by_the_reference(serve: Serve, trained: ModelStore) -> None:
    """Both bases are named, and both kinds of metrics contribute."""
    found = asked(serve(models=trained), {"cpu_utilization": 0.5, "db_cpu": 0.95})
    parts = {part["feature"]: part for part in found["contributing_features"]}
    assert parts["db_cpu"]["expected"] is None
    assert parts["cpu_utilization"]["expected"] is not None
    assert "xgboost 1.0.0" in found["basis"]
    assert "db_cpu (as cpu)" in found["basis"]


def test_a_past_makes_absolute_metrics_judgeable(api: Served) -> None:
    """Without a model of the service: the requirements' connections, 15 before and 150 now."""
    calm = asked(api, SNAPSHOT, recent=RECENT)
    loud = asked(api, SNAPSHOT | {"db_connections": 150}, recent=RECENT)
    assert ("normal", "critical") == (calm["severity"], loud["severity"])
    assert "db_connections" == loud["contributing_features"][0]["feature"]
    assert "the recent past that was sent" in loud["basis"]


def test_what_has_lasted_is_no_anomaly(api: Served) -> None:
    """A height that the reference finds unusual is usual for a service that has been there all along."""
    high = {"cpu_utilization": 0.85, "memory_utilization": 0.9}
    assert "critical" == asked(api, high)["severity"]
    assert "normal" == asked(api, high, recent=[high] * 24)["severity"]


def test_a_live_targets_history_comes_first(serve: Serve, trained: ModelStore) -> None:
    """The model judges only what the history does not."""
    live = CannedLive({KEY: report()}, sigmas=[Deviation("cpu", 3.1, 1)])
    found = asked(
        serve(live=live, models=trained), {"cpu_utilization": 0.6, "db_connections": 46.0}, hour=3, **WHO
    )
    sigmas = {part["feature"]: part["sigmas"] for part in found["contributing_features"]}
    assert 3.1 == sigmas["cpu_utilization"]
    assert sigmas["db_connections"] < 2


def test_what_the_history_has_judged_the_model_does_not_judge_again(
    serve: Serve, trained: ModelStore
) -> None:
    """CPU is wild for the model, and ordinary by the target's history: it is ordinary."""
    live = CannedLive({KEY: report()}, sigmas=[Deviation("cpu", 0.1, 1)])
    metrics = {"cpu_utilization": 5.0, "db_connections": 50.0}
    found = asked(serve(live=live, models=trained), metrics, hour=6, **WHO)
    assert found["anomaly_score"] < 3 < asked(serve(models=trained), metrics, hour=6)["anomaly_score"]


def test_who_made_a_metric_surprising_bears_it(serve: Serve, trained: ModelStore) -> None:
    """CPU stands still while connections multiply: most is laid on the connections, beyond their own square."""
    found = asked(serve(models=trained), {"cpu_utilization": 0.62, "db_connections": 22}, hour=4)
    own = {part["feature"]: part["sigmas"] ** 2 for part in found["contributing_features"]}
    shares = {part["feature"]: part["contribution"] for part in found["contributing_features"]}
    alike = {name: square / sum(own.values()) for name, square in own.items()}
    assert shares["db_connections"] > 0.5
    assert abs(shares["db_connections"] - alike["db_connections"]) > 0.01


@pytest.mark.parametrize("name", ABSOLUTE)
def test_an_absolute_number_alone_waits_for_a_model(api: Served, name: str) -> None:
    """Nobody knows what is usual: 503 with the two remedies, and no made-up score."""
    answer = api.post("/detect", {"metrics": {name: 15}})
    assert 503 == answer.status_code
    for words in (name, "`recent`", "helios train --anomaly"):
        assert words in answer.json()["detail"]


def test_a_model_that_xgboost_cannot_read_is_named_and_passed_over(serve: Serve, tmp_path: Path) -> None:
    """Verified bytes that are no ensemble after all: the reference answers, and the basis tells."""
    folder = put_snapshots(tmp_path)
    for name in KNOWN:
        replace_file(folder, f"{name}.ubj", b"{L\x00\x00\x00\x00\x00\x00\x00\x07learnerZ")
    found = asked(serve(models=ModelStore(tmp_path)), {"cpu_utilization": 0.95})
    assert "critical" == found["severity"]
    assert "xgboost 1.0.0 cannot be used" in found["basis"]


def test_a_new_model_is_used_without_a_restart(serve: Serve, tmp_path: Path) -> None:
    """As soon as the store has looked again."""
    models = ModelStore(tmp_path)
    api = serve(models=models)
    assert 503 == api.post("/detect", {"metrics": {"db_connections": 40}}).status_code
    put_snapshots(tmp_path)
    models.refresh(api.moment[0] + 7200)
    asked(api, {"db_connections": 40})

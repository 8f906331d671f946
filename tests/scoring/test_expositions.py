"""The gauges as text: the requirements' names and labels, every number as it is, and nothing that is not one."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from scoring.expositions import Labels, render
from scoring.gauges import QUANTILES, TARGET_GAUGES, horizon_label
from scoring.policies import Fleet, Metric
from scoring.publisher import Scores
from tests.scoring.builders import NAN, NOW, fleet, scores, target

HORIZONS = (300, 1800)
TYPES = {gauge.name.removesuffix("_total"): gauge.type for gauge in TARGET_GAUGES}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def text_of(of: Fleet, said: Scores, holds: list[bool] | None = None) -> str:
    """The exposition of a fleet, all of which holds unless it is said."""
    alive = np.ones(len(of), np.bool_) if holds is None else np.array(holds)
    return render(Labels.of(of, HORIZONS), said, alive, of.owner).decode()


def parsed(text: str) -> Samples:
    """Every sample by name and labels, as Prometheus' own parser reads it; nothing may come twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert TYPES[family.name] == family.type
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, deployment: str = "api", **labels: str) -> float | None:
    """One sample, None if it is not there."""
    wanted = {"namespace": "shop", "deployment": deployment, **labels}
    return samples.get((name, frozenset(wanted.items())))


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("helios_predicted_cpu", {"horizon": "5m"}, 0.48),
        ("helios_predicted_cpu", {"horizon": "30m"}, 0.48),
        ("helios_predicted_memory", {"horizon": "30m"}, 0.48),
        ("helios_anomaly_score", {}, 1.2),
        ("helios_anomaly_detected", {}, 0),
        ("helios_anomaly_muted", {}, 0),
        ("helios_anomaly_threshold", {}, 2.5),
        ("helios_anomaly_alarms_total", {}, 5),
        ("helios_recommended_replicas", {}, 4),
        ("helios_scaling_signal", {}, 4),
        ("helios_current_replicas", {}, 2),
        ("helios_recommended_replicas_uncapped", {}, 4),
        ("helios_target_info", {"kind": "Deployment", "mode": "Observe", "model": "auto"}, 1),
        ("helios_anomaly_critical", {}, 0),
        ("helios_min_replicas", {}, 1),
        ("helios_max_replicas", {}, 10),
        ("helios_recommendation_confidence", {}, 0.97),
        ("helios_report_expires_timestamp_seconds", {}, NOW + 900),
        ("helios_demand", {"metric": "cpu"}, 1.6),
        ("helios_predicted_demand", {"metric": "memory", "horizon": "5m", "quantile": "0.9"}, 2.5),
        ("helios_forecast_skill", {"metric": "cpu"}, 0.25),
        ("helios_forecast_bias", {"metric": "cpu"}, -0.01),
        ("helios_forecast_coverage", {"metric": "cpu"}, 0.81),
        ("helios_ledger_replica_hours", {"path": "actual"}, 100),
        ("helios_ledger_replica_hours", {"path": "recommended"}, 86),
        ("helios_ledger_short_minutes", {"path": "recommended"}, 2),
        ("helios_ledger_short_minutes", {"path": "reactive"}, 9),
        ("helios_breaker_open", {}, 0),
        ("helios_rollout_ratio", {}, 1),
    ],
)
def test_every_gauge_of_a_target_is_there(name: str, labels: dict[str, str], expected: float) -> None:
    """Under the requirements' names and labels, and those of our own beside them."""
    of = fleet()
    assert expected == pytest.approx(value(parsed(text_of(of, scores(of))), name, **labels))


def test_nothing_else_is_there() -> None:
    """Every family of the table, once, in its order; every sample accounted for."""
    of = fleet()
    text = text_of(of, scores(of))
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert [gauge.name for gauge in TARGET_GAUGES] == names
    per_target, per_series = 17 + 6, 2 * (4 + 2 + 2 * len(QUANTILES)) + 2 * 2
    assert per_target + per_series == len(parsed(text))


def test_a_metric_of_ones_own_is_published_too() -> None:
    """Its demand and quantiles, but no ratio that nobody asked for."""
    of = fleet(target(metrics=(Metric("cpu"), Metric("requests", "q", 50.0))))
    samples = parsed(text_of(of, scores(of)))
    assert 1.6 == pytest.approx(value(samples, "helios_demand", metric="requests"))
    assert 1 == sum(
        name == "helios_predicted_cpu" and ("horizon", "5m") in labels for name, labels in samples
    )


def test_a_target_shows_its_own_horizons() -> None:
    """Not those that others asked for."""
    of = fleet(target("api", horizons=(300,)), target("web", horizons=(1800,)))
    samples = parsed(text_of(of, scores(of)))
    assert value(samples, "helios_predicted_cpu", horizon="5m") is not None
    assert value(samples, "helios_predicted_cpu", horizon="30m") is None
    assert value(samples, "helios_predicted_cpu", "web", horizon="5m") is None
    assert value(samples, "helios_predicted_cpu", "web", horizon="30m") is not None


ANYTHING = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(ANYTHING, min_size=3, max_size=3), st.lists(ANYTHING, min_size=6, max_size=6))
def test_what_is_not_finite_is_left_out(per_targets: list[float], per_rows: list[float]) -> None:
    """No NaN and no Inf, wherever they come from; every finite number is there as it is."""
    of = fleet(target("a"), target("b"), target("c"))
    said = scores(
        of,
        **dict.fromkeys(("recommended", "score", "confidence", "signal"), per_targets),
        **dict.fromkeys(("last", "lead_skill", "bias"), per_rows),
        ratio=np.tile(np.array(per_rows, np.float32)[:, None], (1, 2)),
    )
    text = text_of(of, said)
    numbers = [line.rsplit(" ", 1)[1] for line in text.splitlines() if not line.startswith("#")]
    assert all(math.isfinite(float(number)) for number in numbers)
    samples = parsed(text)
    for row, name in enumerate("abc"):
        for gauge, number in (
            ("helios_recommended_replicas", per_targets[row]),
            ("helios_demand", per_rows[2 * row]),
            ("helios_predicted_cpu", per_rows[2 * row]),
        ):
            labels = {"helios_demand": {"metric": "cpu"}, "helios_predicted_cpu": {"horizon": "5m"}}.get(
                gauge, {}
            )
            found = value(samples, gauge, name, **labels)
            if math.isfinite(number):
                assert number == pytest.approx(found, rel=1e-5)
            else:
                assert found is None


def test_who_does_not_hold_is_left_out() -> None:
    """Of an expired target nothing is left but that it exists; every sample of the others is there."""
    of = fleet(target("api"), target("web"))
    samples = parsed(text_of(of, scores(of), [False, True]))
    of_api = {name for name, labels in samples if dict(labels)["deployment"] == "api"}
    assert {"helios_target_info"} == of_api
    assert len(parsed(text_of(of, scores(of)))) == 2 * (len(samples) - 1)


def test_without_anyone_there_is_no_text() -> None:
    """No family is announced that has no sample."""
    of = fleet()
    families = [line for line in text_of(of, scores(of), [False]).splitlines() if line.startswith("# TYPE")]
    assert ["# TYPE helios_target_info gauge"] == families
    assert "" == text_of(Fleet.of(()), scores(Fleet.of(())))
    half = scores(of, score=[NAN])
    assert "helios_anomaly_score" not in text_of(of, half)


@given(st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable() or "\n" in s))
def test_any_name_survives_as_a_label(name: str) -> None:
    """Quotes, backslashes, line ends and foreign letters are escaped as Prometheus wants them."""
    clean = name.replace("\r", "")
    of = fleet(target(clean, metrics=(Metric("cpu"), Metric(clean + "x", "q", 1.0))))
    samples = parsed(text_of(of, scores(of)))
    assert 4 == value(samples, "helios_recommended_replicas", clean)
    assert 1.6 == pytest.approx(value(samples, "helios_demand", clean, metric=clean + "x"))


@pytest.mark.parametrize(
    ("seconds", "label"),
    [(300, "5m"), (1800, "30m"), (90, "90s"), (3600, "1h"), (5400, "90m"), (7200, "2h"), (86_400, "24h")],
)
def test_horizons_as_the_requirements_write_them(seconds: int, label: str) -> None:
    """`5m` and `30m`, and whatever else is asked for in the same manner."""
    assert label == horizon_label(seconds)


def test_an_anomaly_that_raises_no_alarm_pages_nobody() -> None:
    """Muted or acknowledged, the 0/1 gauge is 0 and another says so; its score stays as it is."""
    of = fleet()
    samples = parsed(text_of(of, scores(of, detected=[1], alarming=[0], muted=[1], score=[4.2])))
    names = ("helios_anomaly_detected", "helios_anomaly_muted", "helios_anomaly_score")
    assert [0, 1, pytest.approx(4.2)] == [value(samples, name) for name in names]


def test_what_a_target_is_can_be_joined_to_its_numbers() -> None:
    """An alert on those in Autoscale alone, a table of models: mode, kind and model stand as labels of a gauge that is 1."""
    of = fleet(target("api", mode="Autoscale"), target("db", kind="StatefulSet", model='a"b'))
    text = text_of(of, scores(of))
    assert [
        'helios_target_info{namespace="shop",deployment="api",kind="Deployment",mode="Autoscale",model="auto"} 1',
        'helios_target_info{namespace="shop",deployment="db",kind="StatefulSet",mode="Observe",model="a\\"b"} 1',
    ] == [line for line in text.splitlines() if line.startswith("helios_target_info")]


@pytest.mark.integration
def test_prometheus_finds_nothing_wrong_with_names_types_and_help(needs: Callable[[str], str]) -> None:
    """`promtool check metrics` reads all of it; what it remarks is three old names of our own, and no counter's."""
    of = fleet()
    text = text_of(of, scores(of)).encode()
    done = subprocess.run(
        [needs("promtool"), "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
    )
    remarked = {line.split()[0] for line in done.stderr.decode().splitlines()}
    assert {
        "helios_predicted_demand",
        "helios_ledger_replica_hours",
        "helios_ledger_short_minutes",
    } == remarked


def test_every_gauge_has_a_sentence() -> None:
    """Its help names what it is, on one line."""
    for gauge in TARGET_GAUGES:
        assert len(gauge.help.split()) > 2
        assert "\n" not in gauge.help
        assert gauge.name.startswith("helios_")

"""The cpu target is copied with the room that it leaves; what else decides is listed, with the PromQL to put into `metrics[]`."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helios.imports.autoscalers import Autoscaler, Trigger
from helios.imports.metrics import Demand, of_hpa, of_scaled_object, suggested, utilization
from tests.imports.objects import Object, cpu, cron, hpa, rules, scaled, trigger


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(70, (90, 80, 70)), (50, (64, 57, 50)), (80, (90, 85, 80)), (95, (95, 95, 95)), (150, (100, 100, 100)), (1, (1, 1, 1))],
)  # fmt: skip
def test_the_line_and_the_guard_leave_the_room_that_was_asked_for(
    percent: int, expected: tuple[int, int, int]
) -> None:
    """As 90 and 80 do to 70; the line is never above 90 but where the target is."""
    assert expected == utilization(percent)


@given(st.integers(1, 1000))
def test_the_guard_lies_between_the_target_and_the_line(percent: int) -> None:
    """So a cpu trigger beside the forecast never undoes what the forecast saves."""
    line, guard, reactive = utilization(percent)
    assert 1 <= reactive <= guard <= line <= 100


def external() -> Object:
    return {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"averageValue": "30"}}}


def resource(name: str, **target: object) -> Object:
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def one_container() -> Object:
    target = {"type": "Utilization", "averageUtilization": 60}
    return {
        "type": "ContainerResource",
        "containerResource": {"name": "cpu", "container": "app", "target": target},
    }


@pytest.mark.parametrize(
    ("metrics", "reactive", "said"),
    [
        pytest.param([cpu(70)], 70, [], id="cpu"),
        pytest.param([cpu(50)], 50, ["line"], id="with much room"),
        pytest.param([cpu(70), cpu(60)], 60, ["line"], id="the lowest of two decides"),
        pytest.param([cpu(200)], 100, ["over-request"], id="above the request"),
        pytest.param([cpu(), resource("memory", averageUtilization=80)], 70, ["memory"], id="memory beside it"),
        pytest.param([resource("memory", averageUtilization=80)], None, ["memory", "no-cpu"], id="memory alone"),
        pytest.param([resource("cpu", averageValue="500m")], None, ["cpu-average-value"], id="cores per pod"),
        pytest.param([one_container()], None, ["one-container"], id="one container"),
        pytest.param([external()], None, ["other-metric", "no-cpu"], id="external"),
        pytest.param([{"type": "Newer", "newer": {}}], None, ["other-metric", "no-cpu"], id="a type of a later version"),
    ],
)  # fmt: skip
def test_an_hpas_metrics_become_a_utilization_and_remarks(
    metrics: list[Object], reactive: int | None, said: list[str]
) -> None:
    """Nothing that decides today is lost without a word."""
    found = of_hpa(Autoscaler.of("HorizontalPodAutoscaler", hpa(metrics=metrics)))
    assert reactive == (None if found.utilization is None else found.utilization["reactive"])
    assert said == rules(found.said)


@pytest.mark.parametrize(
    ("body", "reactive", "said"),
    [
        pytest.param(trigger(), 70, [], id="cpu"),
        pytest.param({"type": "cpu", "metadata": {"type": "Utilization", "value": "60"}}, 60, ["line"], id="the older form"),
        pytest.param(trigger(metric_type="AverageValue", value="500m"), None, ["cpu-average-value"], id="cores per pod"),
        pytest.param(trigger(containerName="app"), None, ["one-container"], id="one container"),
        pytest.param(trigger(value="many"), None, ["cpu-average-value"], id="no number"),
        pytest.param(trigger("kafka", topic="orders"), None, ["other-trigger", "no-cpu"], id="a queue"),
        pytest.param(trigger("memory", "Utilization", value="80"), None, ["other-trigger", "no-cpu"], id="memory"),
    ],
)  # fmt: skip
def test_a_scaled_objects_triggers_become_a_utilization_and_remarks(
    body: Object, reactive: int | None, said: list[str]
) -> None:
    """Cron triggers are read elsewhere."""
    found = of_scaled_object(Autoscaler.of("ScaledObject", scaled(body)), lambda _q, _n: None)
    assert reactive == (None if found.utilization is None else found.utilization["reactive"])
    assert said == rules(found.said)


QUERY = 'sum(rate(http_requests_total{namespace="shop"}[2m]))'


def prometheus(metric_type: str | None = None, **metadata: str) -> Trigger:
    return Trigger.model_validate(
        trigger("prometheus", metric_type, **{"query": QUERY, "threshold": "50", **metadata})
    )


def test_a_prometheus_trigger_is_suggested_as_a_metric_of_the_target() -> None:
    """Valid YAML for `metrics[]`: what one replica serves at 100 % is the threshold by the utilization."""
    lines = suggested(2, prometheus(), 70, "shop", lambda _q, _n: None)
    (found,) = yaml.safe_load("\n".join(lines))
    assert {"name": "trigger_2", "query": QUERY, "perReplica": "71.428571429"} == found


@given(st.floats(0.001, 1e6), st.floats(0, 1e7), st.integers(1, 100))
def test_the_reactive_decision_on_it_is_kedas(threshold: float, value: float, reactive: int) -> None:
    """Both want value / threshold replicas, before rounding."""
    trigger = prometheus(threshold=repr(threshold))
    (found,) = yaml.safe_load("\n".join(suggested(0, trigger, reactive, "shop", lambda _q, _n: None)))
    ours = value / (float(found["perReplica"]) * reactive / 100)
    assert math.isclose(value / threshold, ours, rel_tol=1e-4)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(prometheus("Value"), "what one replica serves is not known", id="value"),
        pytest.param(prometheus(threshold="nan"), "a number", id="not a number"),
        pytest.param(prometheus(threshold="many"), "a number", id="no number"),
        pytest.param(prometheus(query=""), "no query", id="no query"),
    ],
)
def test_what_cannot_be_forecast_is_said_instead(found: Trigger, words: str) -> None:
    """A comment, and no entry."""
    (line,) = suggested(0, found, 70, "shop", lambda _q, _n: None)
    assert line.startswith("# ")
    assert words in line


def of_prometheus(*more: Object, metric_type: str | None = None) -> Demand:
    """What a ScaledObject with a prometheus trigger, and others, scales on."""
    asked = trigger("prometheus", metric_type, query=QUERY, threshold="50")
    return of_scaled_object(Autoscaler.of("ScaledObject", scaled(asked, *more)), lambda _q, _n: None)


@pytest.mark.parametrize(
    ("more", "expected"),
    [((trigger(),), ["cpu", "trigger_0"]), ((), ["trigger_0"]), ((cron(),), ["trigger_0"])],
    ids=["cpu decides", "nothing else decides", "hours beside it"],
)
def test_cpu_is_suggested_only_where_it_decides_today(more: tuple[Object, ...], expected: list[str]) -> None:
    """Pasted into a target whose cpu does not decide it would ask for more replicas than today."""
    found = yaml.safe_load("\n".join(of_prometheus(*more).suggestions))
    assert expected == [one["name"] for one in found["metrics"]]


def test_a_trigger_under_value_is_told_what_is_missing_and_promised_nothing() -> None:
    """Its threshold is for all pods together; without an entry there is no list to paste either."""
    found = of_prometheus(trigger(), metric_type="Value")
    assert ["prometheus-value"] == rules(found.said)
    assert "perReplica of your own" in found.said[0].rule.why
    (line,) = found.suggestions
    assert line.startswith("# trigger 0 ")


def test_triggers_whose_names_become_the_same_are_told_apart() -> None:
    """Names of metrics are unique in a target."""
    asked = [
        {**trigger("prometheus", query=QUERY, threshold="50"), "name": name}
        for name in ("rps-1", "rps.1", "rps_1")
    ]
    lines = of_scaled_object(Autoscaler.of("ScaledObject", scaled(*asked)), lambda _q, _n: None).suggestions
    names = [one["name"] for one in yaml.safe_load("\n".join(lines))["metrics"]]
    assert ["rps_1", "rps_1_1", "rps_1_2"] == names


def test_whom_keda_asks_and_how_is_said_beside_a_suggestion() -> None:
    """Helios asks its own Prometheus; neither a password nor a tenant is printed."""
    found = prometheus(
        serverAddress="http://me:secret@other:9090/prom?key=secret",
        customHeaders="X-Scope-OrgID=secret",
        namespace="thanos",
    ).model_copy(update={"authentication_ref": {"name": "prom"}})
    first, *rest = suggested(0, found, 70, "shop", lambda _q, _n: None)
    assert (
        "# KEDA asks http://other:9090/prom with namespace, customHeaders, authenticationRef, and Helios its own "
        "prometheus.url: see that both give one answer"
    ) == first
    assert "secret" not in "".join(rest)


def test_a_query_that_the_operator_would_refuse_says_so() -> None:
    """With the setting to change."""
    lines = list(suggested(0, prometheus(), 70, "shop", lambda _q, _n: "set operator.custom_queries"))
    assert "# set operator.custom_queries" == lines[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("orders per second", "orders_per_second"), ("7th", "m_7th"), ("cpu", "m_cpu"), ("ä", "_")],
)
def test_a_metric_is_named_after_its_trigger_in_letters_that_may_be(name: str, expected: str) -> None:
    """And never cpu or memory, which Helios knows."""
    found = prometheus().model_copy(update={"name": name})
    assert f"- name: {expected}" == next(iter(suggested(0, found, 70, "shop", lambda _q, _n: None)))

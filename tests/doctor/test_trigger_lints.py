"""What a trigger is accused of that KEDA fails to build: a field that is missing, or that it cannot read."""

from __future__ import annotations

from typing import Any

import pytest

from helios.doctor.findings import Severity
from helios.doctor.readings import is_duration, is_mapping, is_threshold, number, truth, whole
from tests.doctor.examples import LOAD, Body, broken, found, prometheus, resource, scaled_object
from tests.doctor.test_remedies import cured, trigger_of

ADDRESS = "http://prometheus:9090"
QUEUE: Body = {"type": "rabbitmq", "metadata": {"queueName": "mail", "mode": "QueueLength", "value": "20"}}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"serverAddress": None}, ["serverAddress is missing."]),
        ({"serverAddress": ""}, ["serverAddress is missing."]),
        ({"query": None}, ["query is missing."]),
        ({"query": " \n "}, ["query is missing."]),
        ({"serverAddress": None, "query": None}, ["serverAddress and query are missing."]),
        (
            {"serverAddress": None, "serverAddressFromEnv": "PROMETHEUS_URL"},
            [
                "serverAddress is missing: KEDA reads it from the trigger's metadata alone, and not by serverAddressFromEnv."
            ],
        ),
        ({"serverAddress": "${PROMETHEUS_URL}"}, []),
        ({"serverAddress": "https://monitoring.googleapis.com/v1/projects/p/location/global/prometheus"}, []),
        ({}, []),
    ],
    ids=str,
)
def test_a_trigger_that_does_not_say_where_or_what_to_ask_is_found(
    metadata: dict[str, Any], words: list[str]
) -> None:
    """KEDA reads both from the trigger's metadata and from nowhere else: not from the pods' environment."""
    several = [
        one for one in found(scaled_object(prometheus(**metadata))) if one.rule == "trigger-incomplete"
    ]
    assert words == [one.why for one in several]


def test_an_authentication_gives_no_address() -> None:
    """Its parameters are credentials: KEDA looks for the address in the trigger alone."""
    trigger = {**prometheus(serverAddress=None), "authenticationRef": {"name": "prometheus"}}
    body = scaled_object(trigger)
    (one,) = found(body)
    assert "and not from what authenticationRef names" in one.why
    assert [] == cured(body, one)


@pytest.mark.parametrize(
    ("beside", "address"),
    [
        (ADDRESS, ADDRESS),
        ("http://me:hunter2@prometheus", "<ADDRESS-OF-PROMETHEUS>"),
        (None, "<ADDRESS-OF-PROMETHEUS>"),
    ],
    ids=["known", "with credentials", "unknown"],
)
def test_the_remedy_takes_the_address_of_the_triggers_beside_it(beside: str | None, address: str) -> None:
    """Where they agree, and it holds no credentials; otherwise it is left to fill in."""
    missing = prometheus(serverAddress=None, serverAddressFromEnv="URL")
    others = (prometheus(serverAddress=beside),) if beside else ()
    one, *_ = found(scaled_object(missing, *others))
    assert address == trigger_of(one)["metadata"]["serverAddress"]
    assert "serverAddressFromEnv" not in trigger_of(one)["metadata"]


@pytest.mark.parametrize(
    ("metadata", "wrong"),
    [
        ({"ignoreNullValues": "no"}, True),
        ({"ignoreNullValues": "FALSE"}, False),
        ({"ignoreNullValues": " f "}, False),
        ({"unsafeSsl": "yes"}, True),
        ({"unsafeSsl": "1"}, False),
        ({"activationThreshold": "5%"}, True),
        ({"activationThreshold": "5.5"}, False),
        ({"timeout": "soon"}, True),
        ({"timeout": "-1s"}, True),
        ({"timeout": "1m30s"}, False),
        ({"timeout": "5000"}, False),
        ({"customHeaders": "X-Scope-OrgID=shop,X-Other=1"}, False),
        ({"customHeaders": "Authorization=Basic aHVudGVyMg=="}, True),
        ({"customHeaders": "${HEADERS}"}, False),
        ({"queryParameters": "tenant"}, True),
        ({"queryParameters": "tenant=shop"}, False),
        ({"queryParameters": ""}, False),
    ],
    ids=str,
)
def test_a_field_that_keda_cannot_read_is_found(metadata: dict[str, Any], wrong: bool) -> None:
    """It fails to build the trigger, for a field that could as well be left out; what stands there is not printed."""
    body = scaled_object(prometheus(**metadata))
    several = found(body)
    assert ["metadata-unusable"] * wrong == [one.rule for one in several]
    for one in several:
        assert "aHVudGVyMg" not in str(one.document())
        assert [] == cured(body, one)


@pytest.mark.parametrize(
    ("metadata", "usable"),
    [
        ({"threshold": "1e2"}, True),
        ({"threshold": " 50 "}, True),
        ({"threshold": "0.001"}, True),
        ({"threshold": "0.0001"}, False),
        ({"threshold": ".5"}, False),
        ({"threshold": "+5"}, False),
        ({"threshold": "1_000"}, False),
        ({"threshold": "Infinity"}, False),
        ({"threshold": "1e400"}, False),
        ({"threshold": None, "thresholdFromEnv": "LOAD"}, False),
    ],
    ids=str,
)
def test_a_threshold_is_read_as_keda_reads_it(metadata: dict[str, Any], usable: bool) -> None:
    """A JSON number of three decimals above zero, of the trigger's metadata."""
    body = scaled_object(prometheus("max(queue_length)", **metadata))
    several = found(body)
    assert ["threshold-unusable"] * (not usable) == [one.rule for one in several]
    for one in several:
        assert [] == cured(body, one)


@pytest.mark.parametrize(
    ("threshold", "rules"),
    [("0", []), ("5", []), ("5%", ["threshold-unusable"]), (None, ["threshold-unusable"])],
)
def test_a_threshold_beside_a_formula_is_read_all_the_same(threshold: str | None, rules: list[str]) -> None:
    """The HPA is told the formula's target, and KEDA builds the trigger from what it says."""
    modifiers = {"formula": "a", "target": "4"}
    trigger = {**prometheus(threshold=threshold), "name": "a"}
    assert rules == broken(scaled_object(trigger, advanced={"scalingModifiers": modifiers}))


@pytest.mark.parametrize(
    ("trigger", "rules"),
    [
        (resource(value=" 70 "), []),
        (resource(value="70.0"), ["threshold-unusable"]),
        (resource(value="9999999999"), ["threshold-unusable"]),
        (resource(metric_type="AverageValue", value="500m"), []),
        (resource("memory", metric_type="AverageValue", value="1Gi"), []),
        (resource(metric_type="AverageValue", value="half"), ["threshold-unusable"]),
        (resource(type=""), []),
        (prometheus(metric_type="Average"), ["metric-type-refused"]),
        (prometheus(metric_type="${TYPE}"), []),
    ],
    ids=[
        "blanks",
        "fraction",
        "huge",
        "cores",
        "bytes",
        "words",
        "an empty type",
        "another type",
        "template",
    ],
)
def test_what_cpu_and_memory_are_compared_with_is_read_as_keda_reads_it(
    trigger: Body, rules: list[str]
) -> None:
    """A whole number for a utilisation, a quantity for an amount."""
    assert rules == [one for one in broken(scaled_object(trigger, QUEUE)) if one != "no-fallback"]


@pytest.mark.parametrize(
    ("others", "advanced", "severity", "words"),
    [
        ((), None, Severity.ERROR, "is scaled in to 2,"),
        ((QUEUE,), None, Severity.WARNING, "to what the other triggers ask for, at least 2,"),
        ((resource(),), None, Severity.WARNING, "to what cpu or memory ask for, at least 2,"),
        (
            ({**QUEUE, "name": "b"},),
            {"scalingModifiers": {"formula": "max([a, b])", "target": "4"}},
            Severity.WARNING,
            "the formula is told 0",
        ),
    ],
    ids=["alone", "queue", "cpu", "formula"],
)
def test_what_is_read_as_zero_is_worse_alone(
    others: tuple[Body, ...], advanced: Body | None, severity: Severity, words: str
) -> None:
    """The HPA takes the maximum over its metrics; a formula may know what a zero means."""
    trigger = {**prometheus(ignoreNullValues=None), "name": "a"}
    (one,) = found(scaled_object(trigger, *others, advanced=advanced))
    assert ("null-read-as-zero", severity) == (one.rule, one.severity)
    assert words in one.what


def test_a_formula_does_not_know_a_triggers_activation() -> None:
    """It has one of its own, and what the HPA divides is not the trigger's value."""
    trigger = {**prometheus(LOAD, activationThreshold="5000"), "name": "a"}
    assert [] == broken(
        scaled_object(trigger, advanced={"scalingModifiers": {"formula": "a", "target": "4"}})
    )
    assert ["activation-ignored"] == broken(scaled_object(trigger))


@pytest.mark.parametrize(
    ("reading", "good", "bad"),
    [
        (
            lambda text: truth(text) is not None,
            ["1", "T", "true", "False", True],
            ["yes", "tRUE", "", None, 2],
        ),
        (
            lambda text: number(text) is not None,
            ["-1", "0.5", "1E+3", 7],
            ["01", "5.", "0x10", "NaN", "", None, True],
        ),
        (is_threshold, ["0.0006", "9e15"], ["0.0004", "0", "-1"]),
        (is_duration, ["0", "1.5h", "250ms", "5"], ["5 s", "s", "1d", ""]),
        (is_mapping, ["a=b", "a=,b=c"], ["a", "a=b=c", "a=b,", ""]),
        (
            lambda text: whole(text) is not None,
            ["+70", "007", 5],
            ["0", "-1", "2147483648", "٧", " 7", None, "9" * 9999],
        ),
    ],
    ids=["truth", "number", "threshold", "duration", "mapping", "whole"],
)
def test_texts_are_read_as_go_reads_them(reading: Any, good: list[Any], bad: list[Any]) -> None:
    """No more is accused than KEDA refuses, and no less."""
    assert [] == [one for one in good if not reading(one)]
    assert [] == [one for one in bad if reading(one)]

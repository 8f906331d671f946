"""What KEDA is told: the generated and the shipped query, evaluated by the real promtool on good days and bad.

KEDA takes exactly one element; none is an error, which arms its fallback.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from helios.operator.scaledobjects import forecast_query

SHIPPED = Path(__file__).parents[2] / "deploy/kustomize/components/keda/scaledobject-saleor.yaml"
MINUTES = 20
"""When the queries are asked; every series lasts longer."""

SIGNAL, EXPIRES = "helios_scaling_signal", "helios_report_expires_timestamp_seconds"
RATIO, REPLICAS = "helios_predicted_cpu", "helios_current_replicas"
FRESH, EXPIRED = MINUTES * 60 + 1, MINUTES * 60

HONOURED = {"namespace": "saleor", "deployment": "saleor-api", "pod": "helios-0"}
RENAMED = {
    "namespace": "monitoring",
    "exported_namespace": "saleor",
    "deployment": "saleor-api",
    "pod": "helios-0",
}

Samples = list[tuple[str, Mapping[str, str], float]]


def shipped() -> dict[str, Any]:
    """The trigger's metadata of the ScaledObject that ships."""
    (trigger,) = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["spec"]["triggers"]
    assert ("prometheus", "AverageValue") == (trigger["type"], trigger["metricType"])
    metadata: dict[str, Any] = trigger["metadata"]
    return metadata


def report(
    labels: Mapping[str, str] = HONOURED,
    *,
    signal: float = 7,
    ratio: float = 0.84,
    replicas: float = 5,
    expires: float = FRESH,
) -> Samples:
    """What one pod of Helios says of a target: 7 replicas, 84 % of five at half an hour."""
    return [
        (SIGNAL, labels, signal),
        (RATIO, {**labels, "horizon": "30m"}, ratio),
        (RATIO, {**labels, "horizon": "5m"}, 0.5),
        (REPLICAS, labels, replicas),
        (EXPIRES, labels, expires),
    ]


def pod(name: str, labels: Mapping[str, str] = HONOURED) -> dict[str, str]:
    """The labels of another pod of Helios."""
    return {**labels, "pod": name}


def of(namespace: str, deployment: str) -> dict[str, str]:
    """The labels of another target."""
    return {"namespace": namespace, "deployment": deployment, "pod": "helios-0"}


CASES = [
    pytest.param(report(), 7, 420, id="labels honoured"),
    pytest.param(report(RENAMED), 7, 420, id="labels renamed by the scrape"),
    pytest.param(
        report({**RENAMED, "namespace": "saleor"}), 7, 420, id="renamed, with Helios in the same namespace"
    ),
    pytest.param([], None, None, id="nothing at all"),
    pytest.param(report(expires=EXPIRED), None, None, id="an expired report"),
    pytest.param(report(RENAMED, expires=EXPIRED), None, None, id="an expired report, renamed"),
    pytest.param([s for s in report() if s[0] != EXPIRES], None, None, id="a report that never expires"),
    pytest.param(
        report(pod("helios-0"), signal=6) + report(pod("helios-1"), signal=8, ratio=0.9),
        8,
        450,
        id="two pods: one element, the higher",
    ),
    pytest.param(
        report(pod("helios-0"), signal=9, ratio=2, expires=EXPIRED) + report(pod("helios-1")),
        7,
        420,
        id="a hung pod beside a fresh one",
    ),
    pytest.param(
        [*report(pod("helios-0"), signal=9, ratio=2, expires=EXPIRED), (EXPIRES, pod("helios-1"), FRESH)],
        None,
        None,
        id="a hung pod's number beside a fresh pod's timestamp alone",
    ),
    pytest.param(
        [*report(pod("helios-0", RENAMED), signal=9, ratio=2, expires=EXPIRED), (EXPIRES, HONOURED, FRESH)],
        None,
        None,
        id="the same across two ways of scraping",
    ),
    pytest.param(report(HONOURED) + report(RENAMED), 7, 420, id="scraped both ways"),
    pytest.param(
        report()
        + report(of("shop", "saleor-api"), signal=99, ratio=9)
        + report(of("saleor", "web"), signal=99, ratio=9),
        7,
        420,
        id="among other targets",
    ),
    pytest.param(
        report(
            {
                "namespace": "saleor",
                "exported_namespace": "shop",
                "deployment": "saleor-api",
                "pod": "helios-0",
            }
        ),
        None,
        None,
        id="another namespace's report, scraped in this one",
    ),
    pytest.param(report(signal=0, ratio=0, replicas=0), 0, 0, id="nought is a number"),
]


def evaluated(promtool: str, folder: Path, query: str, samples: Samples, expected: float | None) -> None:
    """Ask promtool whether the query has exactly this one element, or none."""
    series = [
        {
            "series": f"{name}{{{','.join(f'{k}={json.dumps(v)}' for k, v in labels.items())}}}",
            "values": f"{value}x40",
        }
        for name, labels, value in samples
    ]
    wanted = [] if expected is None else [{"labels": "{}", "value": expected}]
    check = {"expr": query, "eval_time": f"{MINUTES}m", "exp_samples": wanted}
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [check]}
    file = folder / "test.yml"
    file.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.integration
@pytest.mark.parametrize(("samples", "signal", "percents"), CASES)
def test_the_generated_trigger_has_one_element_or_none(
    samples: Samples,
    signal: float | None,
    percents: float | None,
    tmp_path: Path,
    needs: Callable[[str], str],
) -> None:
    """The replicas to have, at threshold 1; none where there is no fresh report of this very target."""
    evaluated(needs("promtool"), tmp_path, forecast_query("saleor", "saleor-api"), samples, signal)


@pytest.mark.integration
@pytest.mark.parametrize(("samples", "signal", "percents"), CASES)
def test_the_requirements_trigger_has_one_element_or_none(
    samples: Samples,
    signal: float | None,
    percents: float | None,
    tmp_path: Path,
    needs: Callable[[str], str],
) -> None:
    """The sum of percents over all pods: 84 % of five is 420, which threshold 70 makes six."""
    evaluated(needs("promtool"), tmp_path, shipped()["query"], samples, percents)


@pytest.mark.integration
def test_the_literal_trigger_of_the_requirements_never_fires(
    tmp_path: Path, needs: Callable[[str], str]
) -> None:
    """It is a ratio against percents, and two pods of Helios make it an error."""
    literal = f'{RATIO}{{namespace="saleor",deployment="saleor-api",horizon="30m"}}'
    promtool = needs("promtool")
    evaluated(promtool, tmp_path, f"sum({literal}) > 70", report(ratio=2.5), None)
    evaluated(promtool, tmp_path, f"count({literal})", report(pod("helios-0")) + report(pod("helios-1")), 2)


def test_the_requirements_scaler_keeps_its_numbers() -> None:
    """Name, workload, bounds, thresholds and periods are theirs; the rest is what makes it work."""
    made = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    asked = {
        "name": "saleor-api-scaler",
        "namespace": "saleor",
        "target": {"name": "saleor-api"},
        "bounds": (1, 10),
        "periods": (30, 300),
        "thresholds": ("70", "50"),
    }
    spec, metadata = made["spec"], made["metadata"]
    assert asked == {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "target": spec["scaleTargetRef"],
        "bounds": (spec["minReplicaCount"], spec["maxReplicaCount"]),
        "periods": (spec["pollingInterval"], spec["cooldownPeriod"]),
        "thresholds": (shipped()["threshold"], shipped()["activationThreshold"]),
    }
    assert "false" == shipped()["ignoreNullValues"]
    assert {"failureThreshold": 3, "replicas": 1, "behavior": "currentReplicasIfHigher"} == spec["fallback"]

"""The probabilities that the API states, against what came: the part of the trace that no quantile was taken from."""

from __future__ import annotations

import csv
import gzip
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helios.models.stores import BUNDLED
from tests.api.conftest import Served

TRACE = BUNDLED.parents[1] / "demos" / "trace.csv.gz"
COLUMNS = {
    "cpu_utilization": ("google_cpu_util_percent", "alibaba_cpu_util_percent"),
    "memory_utilization": ("google_mem_util_percent", "alibaba_mem_util_percent"),
}
ASKED = 150
"""Questions per column, evenly over its last 30 %."""


def held_out(column: str) -> NDArray[np.float64]:
    """The last 30 % of a column, as ratios."""
    with gzip.open(TRACE, "rt", encoding="utf-8") as file:
        values = np.array([float(row[column]) for row in csv.DictReader(file) if row[column]]) / 100
    return values[int(0.7 * len(values)) :]


def origins(values: NDArray[np.float64], ahead: int) -> list[int]:
    """Where to ask from."""
    return [int(place) for place in np.linspace(0, len(values) - 1 - ahead, ASKED)]


@pytest.mark.parametrize(
    ("metric", "lower", "upper"),
    [
        pytest.param("cpu_utilization", "confidence_lower", "confidence_upper", id="cpu"),
        pytest.param("memory_utilization", "memory_lower", "memory_upper", id="memory"),
    ],
)
def test_confidence_of_predict_is_the_frequency_that_comes(
    api: Served, metric: str, lower: str, upper: str
) -> None:
    """What `/predict` calls its confidence is how often the first period came to lie inside its band."""
    stated: set[float] = set()
    inside: list[float] = []
    for column in COLUMNS[metric]:
        values = held_out(column)
        hits = []
        for origin in origins(values, 1):
            body = {"metrics": {metric: values[origin]}, "periods": 1}
            answer: dict[str, Any] = api.post("/predict", body).json()
            (period,) = answer["predictions"]
            stated.add(answer["confidence"])
            hits.append(period[lower] <= values[origin + 1] <= period[upper])
        inside.append(float(np.mean(hits)))
    (confidence,) = stated
    deviation = float(np.sqrt(confidence * (1 - confidence) / (2 * ASKED)))
    assert pytest.approx(confidence, abs=3 * deviation) == np.mean(inside)


def test_confidence_of_recommend_is_the_frequency_that_comes(api: Served) -> None:
    """What `/recommend` calls its confidence is how often the replicas sufficed 15 minutes later."""
    stated: list[float] = []
    came: list[float] = []
    for column in COLUMNS["cpu_utilization"]:
        values = held_out(column)
        for origin in origins(values, 3):
            predicted = (
                0.96 * values[origin] / values.mean()
            )  # a fleet that is nearly full, so that it is close
            body = {
                "current_replicas": 20,
                "current_metrics": {"cpu_utilization": 0.7},
                "predicted_metrics": {"cpu_utilization": predicted},
            }
            for advice in api.post("/recommend", body).json()["recommendations"]:
                stated.append(advice["confidence"])
                demand = 20 * predicted * values[origin + 3] / values[origin]
                came.append(demand <= advice["target_replicas"])
    assert len(stated) > ASKED
    assert pytest.approx(np.mean(stated), abs=0.03) == np.mean(came)


def test_the_band_widens_with_time(api: Served) -> None:
    """Half an hour ahead less is known than five minutes ahead."""
    periods = api.post("/predict", {"metrics": {"cpu_utilization": 0.5}, "periods": 6}).json()["predictions"]
    widths = [period["confidence_upper"] - period["confidence_lower"] for period in periods]
    assert widths[5] > 1.1 * widths[0]

"""Somebody who asks the inference routes, so that they have something to tell of their latency."""

from __future__ import annotations

import httpx

_NOW = {"cpu_utilization": 0.75, "memory_utilization": 0.60}
_QUESTIONS = {
    "/predict": {"metrics": _NOW, "periods": 6},
    "/detect": {"metrics": _NOW},
    "/recommend": {
        "namespace": "saleor",
        "deployment": "saleor-api",
        "current_replicas": 2,
        "current_metrics": _NOW,
        "predicted_metrics": {"cpu_utilization": 0.85, "memory_utilization": 0.65},
        "anomaly_score": 1.2,
    },
}


def visit(client: httpx.Client) -> None:
    """Ask each route once.

    Raises:
        httpx.HTTPError: it does not answer well.
    """
    for route, question in _QUESTIONS.items():
        client.post(route, json=question).raise_for_status()

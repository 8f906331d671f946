"""One service's snapshots for tests: a daily wave that three metrics follow, and what was learned from it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from scoring.anomalies.snapshot_trainings import Recorded, learn
from scoring.anomalies.snapshots import Snapshots

KNOWN = ("cpu_utilization", "memory_utilization", "db_connections")
ROWS = 1200


def service(rows: int = ROWS, seed: int = 0) -> Recorded:
    """CPU follows the hour, connections follow CPU, memory hardly moves; a row each half hour."""
    random = np.random.default_rng(seed)
    hours = np.arange(rows) / 2 % 24
    cpu = 0.45 + 0.2 * np.sin(hours * np.pi / 12) + 0.03 * random.standard_normal(rows)
    memory = 0.6 + 0.01 * random.standard_normal(rows)
    connections = np.round(10 + 60 * cpu + random.standard_normal(rows))
    return Recorded(np.stack([cpu, memory, connections], axis=1), hours)


def given(recorded: Recorded, row: int) -> dict[str, float]:
    """One row as a snapshot."""
    return dict(zip(KNOWN, recorded.values[row].tolist(), strict=True))


@lru_cache(maxsize=1)
def learned() -> Snapshots:
    """What is learned from `service`; it takes some seconds, once."""
    return learn(KNOWN, service(), seed=0)

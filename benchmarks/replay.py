"""The bundled trace lived through cycle by cycle: what Helios would have done beside a reactive HPA at 70 %.

    python benchmarks/replay.py [--json]

Per service: the share of cycles decided by the forecast, its mean skill, the measured coverage of P10..P90, the share of
cycles in an anomaly, and the ledger's sums. The peer in the same run is the HPA in arithmetic whose replicas "ran": it has
its pods one step after asking. The trace is among what forecasters were made looking at: expect less elsewhere.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections import defaultdict
from typing import Any

from helios.app import build
from helios.clocks import SteppedClock
from helios.demos.saleor import demo_world
from helios.logs import configure_logs
from helios.settings import Settings
from scoring.reports import Report

STEP, HISTORY_SECONDS = 300.0, 7 * 86_400.0


def main() -> None:
    """Live through the trace, then print one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")
    options = parser.parse_args()
    configure_logs("WARNING")
    seen = lived()
    services = {name: summary(reports) for name, reports in seen.items()}
    if not options.json:
        for name, figures in services.items():
            print(name, figures)
    cycles = max(len(reports) for reports in seen.values())
    print(
        json.dumps({"targets": len(seen), "cycles": cycles, "services": services, "peers": peers(services)})
    )


def lived() -> dict[str, list[Report]]:
    """Every report of every service."""
    world = demo_world(STEP, history_seconds=HISTORY_SECONDS)
    clock = SteppedClock(world.start)
    seen: dict[str, list[Report]] = defaultdict(list)
    built = build(Settings(), world.source(clock), clock=clock, targets=world.targets)
    if built.loop is None:
        raise SystemExit("no loop was built")
    built.loop.fill()
    while clock.now() <= world.end:
        built.loop.cycle(clock.now())
        for report in built.live.reports():
            seen[report.deployment].append(report)
        clock.wait_until(clock.now() + STEP, threading.Event())
    return seen


def summary(reports: list[Report]) -> dict[str, Any]:
    """One service's figures."""
    driver = [next(m for m in report.metrics if m.drives) for report in reports]
    skills = [m.skill for m in driver if m.skill is not None]
    ledger = reports[-1].ledger
    return {
        "forecast_share": round(sum(r.outcome == "forecast" for r in reports) / len(reports), 3),
        "skill_mean": round(sum(skills) / max(1, len(skills)), 3),
        "coverage_p10_p90": driver[-1].coverage,
        "anomalous_share": round(sum(r.anomaly.detected for r in reports) / len(reports), 3),
        "replica_hours": round(ledger.replica_hours_recommended, 1),
        "short_minutes": round(ledger.short_minutes_recommended),
        "hpa_replica_hours": round(ledger.replica_hours_actual, 1),
        "hpa_short_minutes": round(ledger.short_minutes_actual),
    }


def peers(services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The HPA's totals beside ours."""
    return {
        "hpa_70": {
            "replica_hours": round(sum(s["hpa_replica_hours"] for s in services.values()), 1),
            "short_minutes": sum(s["hpa_short_minutes"] for s in services.values()),
        },
        "helios": {
            "replica_hours": round(sum(s["replica_hours"] for s in services.values()), 1),
            "short_minutes": sum(s["short_minutes"] for s in services.values()),
        },
    }


if __name__ == "__main__":
    main()

"""What is looked at in Prometheus, in order, within a time: the store Helios reads, and the one that KEDA reads the signal from.

Only `/query` is needed: Managed Prometheus has little else. Where nobody answers nothing more is asked, and told so.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from helios.doctor import scrapes, series, signals, stores
from helios.doctor.checks import Check, Clock, Rounds, Seen, Skipped
from helios.doctor.findings import Finding, Severity
from helios.doctor.fleets import Fleet
from helios.doctor.grounds import Ground
from helios.doctor.stores import Store
from helios.settings import Settings
from helios.sources.clients import QueryFailed

SECONDS = 60.0
"""All of these together; one that has begun ends within its own time-out."""

NAMES = (
    "prometheus",
    "prometheus-clock",
    "prometheus-metrics",
    "prometheus-workloads",
    "prometheus-clusters",
    "prometheus-scrape-interval",
    "prometheus-history",
    "gauges",
    "keda-prometheus",
)


def prometheus_checks(
    own: Callable[[], Store],
    keda: Callable[[], Store],
    fleet: Fleet,
    settings: Settings,
    *,
    tell: Callable[[Check], None] = lambda _: None,
    clock: Clock = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> list[Check]:
    """Look at everything; a check for each of `NAMES`.

    Args:
        own: opens the store that Helios reads. Raises HeliosError where the settings name none.
        keda: opens the one that KEDA reads. Raises HeliosError, or Skipped where there is no other.
        fleet: whose workloads.
        settings: pace, matchers, KEDA's credentials.
        tell: is given each check as it ends.
        clock: seconds that only move forward.
        wall: UNIX seconds.
    """
    rounds = Rounds(tell, SECONDS, clock)
    pace, prometheus = settings.scoring, settings.prometheus
    window = float(max(prometheus.window_seconds, pace.step_seconds))
    first = rounds.look(NAMES[0], lambda: stores.reached(own()))
    if first.skipped or first.findings:
        for name in NAMES[1:-1]:
            rounds.look(name, lambda: _skip(f"needs what it says of {NAMES[0]}"))
    else:
        store = own()
        ground = Ground.of(store, fleet, prometheus.matchers, window)
        steps: tuple[Callable[[], Seen], ...] = (
            lambda: stores.in_time(store, wall),
            lambda: scrapes.present(ground),
            lambda: series.joined(ground),
            lambda: series.single(ground),
            lambda: series.frequent(ground),
            lambda: series.remembered(ground, pace.history_seconds, pace.step_seconds),
            lambda: signals.scraped(store, fleet),
        )
        for name, step in zip(NAMES[1:-1], steps, strict=True):
            rounds.look(name, step)
    rounds.look(NAMES[-1], lambda: _as_keda(keda(), fleet, settings))
    return rounds.checks


def _as_keda(store: Store, fleet: Fleet, settings: Settings) -> Seen:
    """What KEDA finds at its own address; one that is not to be reached from here is no fault.

    Raises:
        Skipped: it cannot be looked at from here, or no target was scored yet.
    """
    try:
        store.client.instant("reachable", "vector(1)", len)
    except QueryFailed as error:
        lacks = settings.keda.authentication_ref is None and any(one.switched for one in fleet.subjects)
        if lacks and stores.is_closed_to_strangers(error):
            return Seen(f"{store.url} asks for credentials", (_closed(store, error),))
        raise Skipped(f"{store.url} cannot be asked from here ({error.problem})") from None
    return signals.scraped(store, fleet)


def _closed(store: Store, error: QueryFailed) -> Finding:
    return Finding(
        rule="keda-prometheus-closed",
        severity=Severity.ERROR,
        where=store.where,
        what="KEDA reads no signal and falls back, unless a target brings an authenticationRef of its own",
        why=f"{error.problem}; keda.authentication_ref is not set",
        remedy="keda:\n  authentication_ref: {kind: ClusterTriggerAuthentication, name: prometheus}",
    )


def _skip(reason: str) -> Seen:
    raise Skipped(reason)

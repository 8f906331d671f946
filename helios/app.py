"""Everything is built here, from settings, and nowhere else: sources, loop, models, API, servers.

Nothing in this module decides anything; it joins what the other modules offer. There is no global state: two
applications can live in one process, as they do in tests.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from kubernetes.client.configuration import Configuration
from prometheus_client import CollectorRegistry, Info, PlatformCollector, ProcessCollector

import helios
from helios.api.apps import HeliosApi, create_app
from helios.api.contexts import ApiSettings
from helios.api.doors import create_operator_app
from helios.api.live import Live, Nothing
from helios.api.servers import build_server
from helios.clocks import Clock, WallClock
from helios.errors import HeliosError, SettingsError
from helios.forecasters import forecasters
from helios.loops import LoopMetrics, ScoringLoop, Wanted
from helios.models.stores import ModelStore
from helios.operator.clusters import Cluster
from helios.operator.handlers import connection, watch, watching
from helios.operator.leases import lease_gauge
from helios.operator.operators import Lister, Operator
from helios.operator.reconcilers import Reconciler, Terms
from helios.operator.registries import Registry
from helios.operator.resources import AuthenticationRef, HeliosTarget
from helios.operator.scaledobjects import KedaDefaults
from helios.operator.sources import ClusterSource
from helios.operator.tolerances import Tolerances
from helios.operator.transports import request_counter
from helios.operator.workloads import WorkloadReader
from helios.settings import Settings, with_defaults
from helios.sources.connections import connected
from helios.sources.prometheus import PrometheusSource
from helios.standings import candidacy, standing_of
from helios.views import Explaining, LoopView
from scoring.anomalies.detectors import Detector
from scoring.forecasting.assortments import Assortment
from scoring.forecasting.forecasts import Forecaster
from scoring.metrics_stream import Source
from scoring.policies import Target
from scoring.recommending.advice import Thresholds
from scoring.scorer import Pace, Scorer, Summary

UI = Path(__file__).parent / "ui"
MISSED_CYCLES = 3
"""A loop silent for so many intervals is taken for hung."""

TIMEOUTS = 10
"""Nor is it while a slow Prometheus lets so many queries time out."""

log = structlog.get_logger("helios.app")


@dataclass(frozen=True, slots=True)
class Application:
    """A running Helios in parts: the loop, if there is one, and the API over it."""

    api: HeliosApi
    loop: ScoringLoop | None
    live: Live
    registry: CollectorRegistry


def build(
    settings: Settings,
    source: Source | None,
    *,
    clock: Clock | None = None,
    targets: tuple[Target, ...] | None = None,
    on_cycle: Callable[[Summary], None] = lambda _: None,
    live: Live | None = None,
) -> Application:
    """Build the loop over `source` and the API; without a source the API alone, or over another process' `live` loop."""
    clock = clock or WallClock()
    registry = process_registry()
    models = ModelStore(settings.models.path, interval=settings.models.refresh_seconds)
    loop: ScoringLoop | None = None
    live = live or Nothing()
    if source is not None:
        fleet = tuple(spec.target() for spec in settings.target_specs()) if targets is None else targets
        loop = build_loop(settings, source, clock, fleet, registry, on_cycle)
        live = LoopView(loop, source.problems if isinstance(source, Explaining) else dict)
    api = create_app(
        live=live,
        models=models,
        clock=clock.now,
        settings=ApiSettings(
            thresholds=Thresholds(
                settings.thresholds.cpu_scale_up,
                settings.thresholds.cpu_scale_down,
                settings.thresholds.memory_warning,
                settings.thresholds.anomaly_sigma,
                settings.scaling.min_replicas,
                settings.scaling.max_replicas,
            ),
            heartbeat_limit_seconds=heartbeat_limit(settings),
            ui=UI,
        ),
        registry=registry,
    )
    return Application(api, loop, live, registry)


def process_registry() -> CollectorRegistry:
    """A registry with what every process says of itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    Info("helios_build", "Version of Helios", registry=registry).info({"version": helios.__version__})
    return registry


@dataclass(frozen=True, slots=True)
class Registries:
    """The operator's own metrics: those of its process stay on its port, those of its loop are relayed by `serve`."""

    process: CollectorRegistry
    loop: CollectorRegistry

    @classmethod
    def new(cls) -> Registries:
        """Fresh ones."""
        return cls(process_registry(), CollectorRegistry())


@dataclass(frozen=True, slots=True)
class OperatorApplication:
    """A running operator in parts: its threads, and the server of its gauges."""

    api: HeliosApi
    operator: Operator
    live: Live
    cluster: Cluster


def build_operator(
    settings: Settings,
    credentials: Configuration,
    prometheus: PrometheusSource,
    registries: Registries,
    port: int | None = None,
) -> OperatorApplication:
    """Build the operator over a cluster and its Prometheus.

    Args:
        settings: targets among them are not scored: HeliosTargets are.
        credentials: of the API server.
        prometheus: where samples come from.
        registries: the process' own metrics and the loop's.
        port: that its own server listens on, if not the settings'.

    Raises:
        SettingsError: the lease has no namespace.
    """
    clock = WallClock()
    counter = request_counter(registries.loop)
    cluster = Cluster.of(credentials, counter=counter, writes=lambda: standing.held())  # noqa: PLW0108 - known below
    registry = Registry(target_parser(settings))

    def references() -> dict[tuple[str, str], str]:
        return {place: target.reference[0] for place, target in registry.roster().owners.items()}

    reader = WorkloadReader(cluster, references)
    source = ClusterSource(prometheus, reader)
    cycled = threading.Event()
    loop = build_loop(
        settings, source, clock, (), registries.loop, lambda _: cycled.set(), wanted=registry.roster
    )
    own = LoopView(loop, source.problems)
    candidate = candidacy(settings.operator.lease, settings.operator.port if port is None else port)
    standing = standing_of(candidate, credentials, counter, own, loop)
    lease_gauge(registries.loop, standing.held)
    reconciler = Reconciler(
        registry,
        own.reports,
        cluster,
        reader.observed,
        terms=Terms(keda_defaults(settings), settings.scoring.step_seconds, settings.operator.status_seconds),
        clock=clock.now,
        tolerance=Tolerances(cluster).are_known,
        writes=standing.held,
    )
    lister = Lister(registry, cluster, seconds=settings.operator.relist_seconds)
    handlers = watching(registry, lambda: connection(credentials), lister.nudge)

    def beat() -> None:
        loop.heartbeat = loop.timer()

    operator = Operator(
        registry,
        lister,
        reconciler,
        lambda stop: watch(handlers, stop),
        loop.run,
        cycled,
        beat,
        standing.elector,
    )
    api = create_operator_app(
        live=standing.live,
        clock=clock.now,
        heartbeat_limit_seconds=heartbeat_limit(settings),
        registry=registries.process,
        loop_registry=registries.loop,
        held=standing.told(settings.scoring.state_path),
    )
    return OperatorApplication(api, operator, standing.live, cluster)


def target_parser(settings: Settings) -> Callable[[Mapping[str, Any]], HeliosTarget]:
    """How an object of the API server becomes a target, with the settings' defaults and rules."""
    queries = settings.operator.custom_queries
    return lambda body: HeliosTarget.of(body, fill=lambda raw: with_defaults(raw, settings), queries=queries)


def keda_defaults(settings: Settings) -> KedaDefaults:
    """What ScaledObjects need to know where their target does not say.

    An address of KEDA's own, inside the cluster, may be open where the operator's is not; the same one is not, and
    Google's never is.
    """
    ref, address, own = settings.keda.authentication_ref, settings.keda.server_address, settings.prometheus
    same = bool(own.url and address and own.url.rstrip("/") == address.rstrip("/"))
    return KedaDefaults(
        server_address=address,
        authentication=None if ref is None else AuthenticationRef(name=ref.name, kind=ref.kind),
        needs_authentication=own.authenticates and (same or bool(own.gcp_project_id)),
    )


def heartbeat_limit(settings: Settings) -> float:
    """After so many seconds of silence the loop is taken for hung."""
    return max(
        MISSED_CYCLES * settings.scoring.interval_seconds, TIMEOUTS * settings.prometheus.timeout_seconds
    )


def build_loop(
    settings: Settings,
    source: Source,
    clock: Clock,
    targets: tuple[Target, ...],
    registry: CollectorRegistry,
    on_cycle: Callable[[Summary], None] = lambda _: None,
    wanted: Callable[[], Wanted] | None = None,
) -> ScoringLoop:
    """Build the scoring loop for these targets, or for whatever is `wanted` from cycle to cycle."""
    scoring = settings.scoring
    columns = max(16, scoring.history_seconds // scoring.step_seconds)
    pace = Pace(
        interval=scoring.interval_seconds,
        step=scoring.step_seconds,
        columns=columns,
        trail_columns=columns,
        day=float(scoring.day_seconds),
    )
    store = model_store(settings, clock)
    scorer = Scorer(
        source,
        build_forecaster(store),
        pace,
        timer=time.perf_counter,
        detector=Detector(store.expectations(), day=pace.day),
    )
    scorer.follow(targets)
    return ScoringLoop(
        scorer,
        clock,
        LoopMetrics.registered(registry),
        state_path=scoring.state_path,
        snapshot_seconds=scoring.snapshot_seconds,
        on_cycle=on_cycle,
        wanted=wanted,
    )


def model_store(settings: Settings, clock: Clock) -> ModelStore:
    """What was learned from fleets, read once: a version that is put there later counts for the loop from the next start on."""
    store = ModelStore(settings.models.path)
    store.refresh(clock.now())
    return store


def build_forecaster(store: ModelStore) -> Forecaster:
    """Every forecaster that is installed, as one; each is made when a target first asks for it."""
    return Assortment(forecasters(store.learned()))


def prometheus_source(settings: Settings) -> PrometheusSource:
    """The door to the Prometheus that the settings name.

    Raises:
        SettingsError: no address is set.
    """
    p = settings.prometheus
    return PrometheusSource(connected(p), matchers=p.matchers, window_seconds=p.window_seconds)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens on `host` and `port` (0: any free one).

    Raises:
        SettingsError: it cannot be had: which, why, and what to do.
    """
    where = f"port {port} on {host}"
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # named as TCP, or asyncio leaves Nagle's algorithm on and each answer waits 40 ms for an acknowledgement
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
    except socket.gaierror as error:
        raise SettingsError(
            f"host {host} is not an address of this machine ({error.strerror}): see --host"
        ) from error
    except OSError as error:
        remedy = {
            errno.EADDRINUSE: "is another Helios running? Choose a port with --port or HELIOS_PORT",
            errno.EACCES: "ports below 1024 need a privilege: choose a higher one with --port or HELIOS_PORT",
            errno.EADDRNOTAVAIL: "the address is not of this machine: choose one with --host or HELIOS_HOST",
        }.get(error.errno or 0, "choose others with --host and --port")
        raise SettingsError(f"{where} cannot be listened on ({error.strerror}): {remedy}") from error
    return listener


@contextlib.contextmanager
def served(api: HeliosApi, listener: socket.socket) -> Iterator[threading.Thread]:
    """Serve `api` from a thread while the block lasts.

    Raises:
        HeliosError: the server could not start.
    """
    host, port = listener.getsockname()[:2]
    server = build_server(api, host=host, port=port)
    thread = threading.Thread(target=server.run, args=([listener],), name="helios-api", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise HeliosError(f"the API on {host}:{port} did not start: its log says why")
        time.sleep(0.01)
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join(timeout=10)

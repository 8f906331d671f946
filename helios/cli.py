"""The command line: parses, builds, runs, prints. Exit codes: 0 done, 1 something was found wrong, 2 unusable input."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console

from helios import (
    __version__,
    alarm_commands,
    doctor_commands,
    import_commands,
    model_commands,
    release_commands,
    screens,
)
from helios.api.live import Nothing
from helios.api.relays import relaying
from helios.app import (
    Application,
    Registries,
    build,
    build_operator,
    keda_defaults,
    listening,
    prometheus_source,
    target_parser,
)
from helios.clocks import Clock, SteppedClock, TraceClock, WallClock
from helios.demos.saleor import demo_world
from helios.demos.worlds import World, replay_world
from helios.errors import HeliosError
from helios.evaluation.commands import evaluate
from helios.live_demos import parsed_labels, serve_live
from helios.logs import configure_logs
from helios.loops import ScoringLoop
from helios.operator.clusters import Cluster
from helios.operator.connections import configuration
from helios.operator.crds import crd_yaml
from helios.operator.manifests import fetched, shown
from helios.processes import serve_until_told
from helios.settings import Scoring, Settings, load_settings
from scoring.errors import ScoringError, SourceUnavailable
from scoring.scorer import Summary

DEMO_CYCLES = 288
"""A day is walked through before the page is served, so that there is something to look at."""

log = structlog.get_logger("helios.cli")

app = typer.Typer(
    help="Helios: predictive autoscaling for Kubernetes that proves itself on your own history.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(model_commands.train)
app.command()(alarm_commands.mute)
app.command()(alarm_commands.unmute)
app.command()(alarm_commands.acknowledge)
app.command()(doctor_commands.doctor)
app.command("import")(import_commands.import_)
app.command()(release_commands.release)
app.add_typer(model_commands.models, name="models")
app.add_typer(evaluate, name="evaluate")

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The settings file (config.yaml); the environment wins over it."),
]
Host = Annotated[str | None, typer.Option(help="Address to listen on; HELIOS_HOST otherwise.")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65_535, help="Port to listen on, 0 for any; HELIOS_PORT otherwise.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document per line, for scripts.")]
Cycles = Annotated[int | None, typer.Option(min=1, help="Run so many cycles, then end, without serving.")]


def main() -> None:
    """Run the command line; what goes wrong on purpose is one line and exit code 2."""
    try:
        app()
    except (HeliosError, ScoringError) as error:
        Console(stderr=True).print(
            f"helios: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo(
    cycles: Cycles = None,
    json: Json = False,
    speed: Annotated[float, typer.Option(min=1, max=100_000, help="Trace seconds per second.")] = 600.0,
    live: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=7,
            metavar="DAYS",
            help="Walk through the last DAYS at once, then go on in real time.",
        ),
    ] = None,
    past: Annotated[
        Path | None,
        typer.Option(help="With --live: write the gauges of these days there, OpenMetrics for promtool."),
    ] = None,
    past_label: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Add a label to them, as a scrape does.")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = None,
) -> None:
    """Replay a bundled real trace as the demand of a Saleor-like fleet, faster than real time, and serve the page."""
    # the demo's own pace, and nobody's snapshot
    settings = _settings(None).model_copy(update={"scoring": Scoring()})
    if past is not None and live is None:
        raise HeliosError(
            "--past is of the days that --live walks through: give both, such as --live 7 --past FILE"
        )
    if live is not None:
        if cycles is not None:
            raise HeliosError(
                "--cycles runs in trace time and serves nothing, --live in real time: give one of them"
            )
        with _listening(settings, host, port) as listener:
            serve_live(settings, listener, days=live, file=past, labels=parsed_labels(past_label or ()))
        return
    world = demo_world(settings.scoring.interval_seconds)
    if cycles is not None:
        _run_cycles(settings, world, cycles, json)
        return
    _serve_world(settings, world, speed, host, port, first=DEMO_CYCLES)


@app.command()
def run(
    config: Config = None, cycles: Cycles = None, json: Json = False, host: Host = None, port: Port = None
) -> None:
    """Run the scoring loop and the API in one process, against Prometheus or a replayed trace."""
    settings = _settings(config)
    if settings.replay is not None:
        world = replay_world(settings)
        if cycles is not None:
            _run_cycles(settings, world, cycles, json)
            return
        _serve_world(settings, world, settings.replay.speed, host, port)
        return
    if not settings.target_specs():
        raise HeliosError(
            "there is no target to score: list some under `targets`, or name one with scoring.namespace and "
            "scoring.deployment (HELIOS_METRICS_NAMESPACE, HELIOS_METRICS_DEPLOYMENT)"
        )
    with prometheus_source(settings) as source:
        printer = screens.cycle_printer(json) if cycles is not None else None
        built = build(settings, source, clock=WallClock(), on_cycle=_printed(printer, lambda: built))
        if cycles is not None:
            _looped(built).run(threading.Event(), most_cycles=cycles)
            return
        with _listening(settings, host, port) as listener:
            _serve(built, listener, title="Prometheus", cancel=source.close)


@app.command()
def operator(config: Config = None, host: Host = None, port: Port = None) -> None:
    """Score every HeliosTarget of a cluster, publish their gauges, write their status and their ScaledObjects."""
    settings = _settings(config)
    if settings.target_specs():
        log.info("the settings' targets are not scored: the operator scores HeliosTargets")
    credentials = configuration(settings.operator.context, os.environ)
    with (
        prometheus_source(settings) as source,
        listening(
            host or settings.operator.host, settings.operator.port if port is None else port
        ) as listener,
    ):
        at, number = listener.getsockname()[:2]
        built = build_operator(settings, credentials, source, Registries.new(), number)
        screen = screens.serving(at, number, "operator", built.live)

        def cut_off() -> None:
            source.close()
            built.cluster.close()

        serve_until_told(built.api, listener, built.operator.run, screen, cut_off)


@app.command()
def crd() -> None:
    """Print the HeliosTarget resource, for kubectl apply -f -."""
    typer.echo(crd_yaml(), nl=False)


@app.command()
def scaledobject(
    name: Annotated[str, typer.Argument(help="The HeliosTarget.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Its namespace.")] = "default",
    config: Config = None,
) -> None:
    """Print the ScaledObject of a HeliosTarget as Autoscale would write it, in whatever mode it is; nothing is written."""
    settings = _settings(config)
    with Cluster.connected(settings.operator.context) as cluster:
        target = target_parser(settings)(fetched(cluster, namespace, name))
        typer.echo(shown(target, cluster, keda_defaults(settings)), nl=False)


@app.command()
def serve(config: Config = None, host: Host = None, port: Port = None) -> None:
    """Serve the API: predict, detect and recommend from a snapshot, and the targets of an operator beside it."""
    settings = _settings(config)
    url = settings.operator.url
    with (
        _listening(settings, host, port) as listener,
        relaying(url) if url is not None else contextlib.nullcontext(Nothing()) as live,
    ):
        _serve(
            build(settings, None, live=live), listener, title="API alone" if url is None else f"beside {url}"
        )


@app.command()
def score(config: Config = None, json: Json = False) -> None:
    """Run one cycle over the whole history and print it as a table; exit code 1 if a target has no recommendation."""
    settings = _settings(config)
    if settings.replay is not None:
        world = replay_world(settings)
        clock: Clock = SteppedClock(world.end)
        built = build(settings, world.source(clock), clock=clock, targets=world.targets)
        sys.exit(_score(built, json))
    with prometheus_source(settings) as source:
        sys.exit(_score(build(settings, source), json))


def _score(built: Application, json: bool) -> int:
    """Fetch the history, run one cycle, print it; the exit code."""
    loop = _looped(built)
    now = loop.clock.now()
    with screens.filling() as progress:
        try:
            loop.fill(progress)
        except SourceUnavailable as error:
            Console(stderr=True).print(
                f"helios: {error}", style="red", markup=False, highlight=False, soft_wrap=True
            )
            return 1
    summary = loop.cycle(now)
    screens.cycle_printer(json)(summary, built.live.reports())
    return 0 if summary.decided == summary.targets and not summary.faults else 1


def _run_cycles(settings: Settings, world: World, cycles: int, json: bool) -> None:
    """Run cycles one after the other in trace time, printing each."""
    configure_logs("WARNING")
    clock = SteppedClock(world.start)
    printer = screens.cycle_printer(json)
    built = build(
        settings,
        world.source(clock),
        clock=clock,
        targets=world.targets,
        on_cycle=_printed(printer, lambda: built),
    )
    loop = _looped(built)
    loop.fill()
    loop.run(threading.Event(), most_cycles=cycles)


def _serve_world(
    settings: Settings, world: World, speed: float, host: str | None, port: int | None, *, first: int = 0
) -> None:
    """Replay a world: its history, `first` cycles at once, then the rest at `speed`."""
    interval = settings.scoring.interval_seconds
    clock = TraceClock(world.start, speed=speed, end=world.end, stride=interval)
    with _listening(settings, host, port) as listener:
        built = build(settings, world.source(clock), clock=clock, targets=world.targets)
        loop = _looped(built)
        with screens.filling() as progress:
            loop.fill(progress)
        with screens.walking(first) as step:
            for _ in range(first):
                loop.cycle(clock.now())
                clock.wait_until(clock.now() + interval, threading.Event())
                step()
        clock.begin()
        _serve(built, listener, title=world.title, clock=clock)


def _serve(
    built: Application,
    listener: socket.socket,
    *,
    title: str,
    clock: TraceClock | None = None,
    cancel: Callable[[], None] = lambda: None,
) -> None:
    """Serve a loop, if there is one, and its API."""
    run = (lambda _: None) if built.loop is None else built.loop.run
    host, port = listener.getsockname()[:2]
    screen = screens.serving(host, port, title, built.live, clock, pages=("/", "/metrics", "/docs"))
    serve_until_told(built.api, listener, run, screen, cancel)


def _listening(settings: Settings, host: str | None, port: int | None) -> socket.socket:
    return listening(host or settings.service.host, settings.service.port if port is None else port)


def _settings(config: Path | None) -> Settings:
    settings = load_settings(config, os.environ)
    configure_logs(settings.service.log_level)
    return settings


def _looped(built: Application) -> ScoringLoop:
    if built.loop is None:
        raise HeliosError("this command needs a scoring loop")
    return built.loop


def _printed(
    printer: Callable[[Summary, Any], None] | None, built: Callable[[], Application]
) -> Callable[[Summary], None]:
    if printer is None:
        return lambda _: None
    return lambda summary: printer(summary, built().live.reports())

"""`helios mute`, `helios unmute` and `helios acknowledge`: what they take, write and print.

They write annotations of a HeliosTarget with the credentials of whoever types; the operator reads them. Alarms alone are silenced:
scores are published, decisions are made and scale-in is frozen as ever.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from helios.errors import SettingsError
from helios.operator.annotations import ACKNOWLEDGED, MUTED_UNTIL, asked, moment, written
from helios.operator.clusters import Cluster
from helios.operator.resources import API_VERSION, PLURAL, HeliosTarget
from helios.settings import load_settings
from helios.targets import QueryPolicy

Name = Annotated[str, typer.Argument(help="The HeliosTarget.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Its namespace.")]
Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="The settings file; names the kube config's context.")
]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SPAN = re.compile(r"(\d{1,9}[smhdw])+")
LONGEST = 366 * 86_400
"""Who wants to hear nothing for longer should raise the threshold."""


def mute(
    name: Name,
    namespace: Namespace = "default",
    span: Annotated[
        str | None, typer.Option("--for", help="For so long, such as 30m, 2h, 1h30m or 7d.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until then, such as 2026-11-27T18:00:00Z.")] = None,
    config: Config = None,
) -> None:
    """Raise no alarm for a HeliosTarget for a while; its score is published and its decisions are made as ever."""
    end = written(ending(span, until, time.time()))
    with _connected(config) as cluster:
        cluster.annotate(namespace, name, {MUTED_UNTIL: end})
    typer.echo(
        f"{namespace}/{name} raises no alarm until {end}; its score is still published (helios unmute ends it)"
    )


def unmute(name: Name, namespace: Namespace = "default", config: Config = None) -> None:
    """End a mute at once; exit code 1 if the spec itself still mutes the HeliosTarget."""
    with _connected(config) as cluster:
        target = HeliosTarget.of(
            cluster.annotate(namespace, name, {MUTED_UNTIL: None}), fill=dict, queries=QueryPolicy.ANY
        )
    until = None if target.spec is None else target.spec.target(namespace).muted_until
    if until is not None and until > time.time():
        typer.echo(
            f"{namespace}/{name} is still muted by its spec until {written(until)}: remove spec.anomaly.mutedUntil",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(f"{namespace}/{name} raises alarms again")


def acknowledge(name: Name, namespace: Namespace = "default", config: Config = None) -> None:
    """Silence the alarm of the anomaly that a HeliosTarget is in; the next one alarms anew. Exit code 1 if there is none."""
    with _connected(config) as cluster:
        target = cluster.get(API_VERSION, PLURAL, namespace, name)
        anomaly = _part(target, "status", "anomaly")
        since = anomaly.get("since")
        onset = moment(since)
        if onset is None:
            severity = anomaly.get("severity", "not known yet")
            typer.echo(
                f"there is nothing to acknowledge: the status of {namespace}/{name} knows of no anomaly (severity: "
                f"{severity}); to hear nothing of the next one, use helios mute",
                err=True,
            )
            raise typer.Exit(1)
        known = asked(target.get("metadata") or {}).acknowledged
        if known is None or known < onset:
            cluster.annotate(namespace, name, {ACKNOWLEDGED: written(onset)})
    typer.echo(f"{namespace}/{name}: the anomaly since {since} raises no alarm any more; the next one will")


def ending(span: str | None, until: str | None, now: float) -> float:
    """UNIX seconds of the end of a mute.

    Args:
        span: how long it is, such as `1h30m`.
        until: when it ends, RFC 3339; one of the two.
        now: UNIX seconds.

    Raises:
        SettingsError: neither or both are given, or what is given is none, in the past, or beyond a year.
    """
    if (span is None) == (until is None):
        raise SettingsError("give one of --for 2h and --until 2026-11-27T18:00:00Z")
    if span is not None:
        if not _SPAN.fullmatch(span):
            raise SettingsError(f"--for {span!r}: is not a time such as 30m, 2h, 1h30m or 7d")
        seconds = sum(int(part[:-1]) * _SECONDS[part[-1]] for part in re.findall(r"\d+[smhdw]", span))
        said, end = f"--for {span!r}", now + seconds
    else:
        found = moment(until)
        if found is None:
            raise SettingsError(
                f"--until {until!r}: is not a time with its offset such as 2026-11-27T18:00:00Z"
            )
        said, end = f"--until {until!r}", found
    if end <= now:
        raise SettingsError(f"{said}: is over already, so nothing would be muted: give a later time")
    if end > now + LONGEST:
        raise SettingsError(
            f"{said}: is more than a year: to hear less for good, raise spec.anomaly.threshold"
        )
    return end


def _connected(config: Path | None) -> Cluster:
    return Cluster.connected(load_settings(config, os.environ).operator.context)


def _part(target: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """What lies within, or nothing."""
    found: Any = target
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}

"""`helios doctor`: what it takes, where it looks, what it prints. Exit code 1 with any finding, 0 with none, 2 where it could not look."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from helios.app import keda_defaults, target_parser
from helios.doctor import listings, manifests, printouts
from helios.doctor.checks import Check
from helios.doctor.findings import arranged
from helios.doctor.inventories import Inventory
from helios.doctor.lints import lint
from helios.doctor.live_checks import Doors, Terms, live_checks
from helios.doctor.printouts import Diagnosis
from helios.errors import HeliosError, SettingsError
from helios.logs import configure_logs
from helios.operator.namespaces import existing
from helios.settings import Settings, load_settings

File = Annotated[
    list[str] | None,
    typer.Option("--file", "-f", help="Manifests: a file, a folder or - for standard input; repeatable."),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", help="Lint this one alone; with --file: the namespace of what names none."
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="The operator's settings file; not for files.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for scripts.")]


def doctor(file: File = None, namespace: Namespace = None, config: Config = None, json: Json = False) -> None:
    """Find what is wrong with ScaledObjects, HPAs and HeliosTargets, in files or in the cluster, and with what Helios leans on.

    Exit code 1 with any finding, 0 with none, 2 where it could not look.
    """
    configure_logs("ERROR")
    if file:
        diagnosis = of_files(file, namespace, config)
    else:
        diagnosis = of_cluster(load_settings(config, os.environ), namespace, json=json)
    if json:
        sys.stdout.buffer.write(orjson.dumps(diagnosis.document(), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        screen = printouts.console()
        if file:
            for check in diagnosis.checks:
                screen.print(printouts.check_line(check))
        printouts.printed(diagnosis, screen)
    raise typer.Exit(1 if diagnosis.findings else 2 if diagnosis.incomplete else 0)


def of_files(paths: list[str], namespace: str | None, config: Path | None = None) -> Diagnosis:
    """Lint manifests without a cluster and without Prometheus.

    Raises:
        SettingsError: a file is not there, or is no YAML; of a folder, no file is.
    """
    unasked = "not read: nothing but the manifests is looked at with --file"
    checks = [] if config is None else [Check(name=str(config), said=unasked, skipped=True)]
    lost: list[str] = []

    def unread(name: str, reason: str, ours: bool) -> None:
        checks.append(_unlinted(name, reason))
        lost.extend([name] if ours else [])

    found, names = manifests.read(paths, sys.stdin, unread)
    inventory = Inventory(tuple(one.within(namespace) for one in found))
    findings, accepted = lint(inventory, lambda where, reason: unread(where, reason, True))
    return Diagnosis(
        findings=findings,
        checks=checks,
        inventory=inventory,
        files=names,
        accepted=accepted,
        incomplete=bool(lost),
    )


def of_cluster(settings: Settings, namespace: str | None, *, json: bool) -> Diagnosis:
    """Look at everything outside, then lint what the cluster has.

    Raises:
        SettingsError: there was nothing that could be looked at.
        ClusterMissing: there is no such namespace.
    """
    terms = Terms(parse=target_parser(settings), keda=keda_defaults(settings))
    screen = printouts.console(sys.stderr if json else None)
    with Doors.of(settings) as doors:
        checks = live_checks(
            settings,
            doors,
            terms,
            namespace=namespace,
            tell=lambda check: None if json else screen.print(printouts.check_line(check)),
        )
        inventory, linted = _listed(doors, namespace)
        if inventory is not None and namespace is not None and not inventory.manifests:
            unknown = existing(doors.cluster(), namespace)
            linted += [Check(name="namespace", said=unknown, skipped=True)] if unknown else []
    if inventory is None and all(one.skipped for one in checks):
        reasons = "; ".join(dict.fromkeys(one.said for one in [*linted, *checks]))
        raise SettingsError(
            f"nothing could be looked at: {reasons}. For manifests alone: helios doctor --file F"
        )
    for check in linted:
        if not json:
            screen.print(printouts.check_line(check))
    if not json:
        screen.print()
    failed: list[Check] = []
    findings, accepted = (
        ([], 0)
        if inventory is None
        else lint(inventory, lambda where, reason: failed.append(_unlinted(where, reason)))
    )
    for check in failed:
        if not json:
            screen.print(printouts.check_line(check))
    told = [one for check in checks for one in check.findings]
    # the live checks know more of a target: what the settings allow it
    known = {one.rule for one in told} & {"target-invalid"}
    return Diagnosis(
        findings=arranged([*told, *(one for one in findings if one.rule not in known)]),
        checks=[*checks, *linted, *failed],
        inventory=inventory,
        files=None,
        accepted=accepted,
        incomplete=bool(failed),
        namespace=namespace,
    )


def _unlinted(name: str, reason: str) -> Check:
    return Check(name=name, said=f"not linted: {reason}", skipped=True)


def _listed(doors: Doors, namespace: str | None) -> tuple[Inventory | None, list[Check]]:
    """What the cluster has, and a check for the survey and for each kind that may not be listed."""
    try:
        inventory, problems = listings.listed(doors.cluster(), namespace)
    except HeliosError as error:
        return None, [Check(name="manifests", said=" ".join(str(error).split()), skipped=True)]
    left_out = [
        Check(name=f"manifests-{plural}", said=f"not linted: {reason}", skipped=True)
        for plural, reason in problems.items()
    ]
    return inventory, left_out

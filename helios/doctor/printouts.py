"""What a person reads of it, object by object, and the one JSON document for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from helios.doctor.checks import Check
from helios.doctor.findings import Finding, Severity
from helios.doctor.inventories import WORKLOADS, Inventory
from helios.doctor.manifests import HPA, SCALED_OBJECT, TARGET

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow"}
_COUNTED = ((SCALED_OBJECT, "scaledObjects"), (HPA, "horizontalPodAutoscalers"), (TARGET, "heliosTargets"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that came out.

    Attributes:
        findings: in order.
        checks: what was looked at outside the manifests.
        inventory: the manifests; None where they could not be read.
        files: names of the files they came from; None for a cluster.
        accepted: how many findings their objects accept.
        incomplete: whether something that seems to be of interest could not be read.
        namespace: of the cluster, where it was one alone.
    """

    findings: Sequence[Finding]
    checks: Sequence[Check]
    inventory: Inventory | None
    files: Sequence[str] | None
    accepted: int = 0
    incomplete: bool = False
    namespace: str | None = None

    def counts(self) -> dict[str, int]:
        """How many objects were looked at, by kind."""
        manifests = self.inventory.manifests if self.inventory is not None else ()
        kinds = Counter(one.kind for one in manifests)
        found = {name: kinds[kind] for kind, name in _COUNTED}
        return {**found, "workloads": sum(kinds[kind] for kind in WORKLOADS)}

    def document(self) -> dict[str, Any]:
        """The same for JSON."""
        checked: dict[str, Any] = {**self.counts(), "accepted": self.accepted}
        if self.files is not None:
            checked["files"] = list(self.files)
        checks = [{"name": one.name, "said": one.said, "skipped": one.skipped} for one in self.checks]
        return {"findings": [one.document() for one in self.findings], "checked": checked, "checks": checks}


def console(file: TextIO | None = None) -> Console:
    """Plain where it is no terminal, or NO_COLOR asks for it; lines are not cut there, so that YAML stays whole."""
    return Console(file=file, highlight=False, soft_wrap=not _is_terminal(file))


def printed(diagnosis: Diagnosis, screen: Console) -> None:
    """Every finding under its object, then what was looked at."""
    for where, group in groupby(diagnosis.findings, key=lambda one: one.where):
        screen.print(Text(where, style="bold"))
        for one in group:
            _finding(one, screen)
    screen.print(summary(diagnosis))


def check_line(check: Check) -> Text:
    """One check as it ends."""
    if check.skipped:
        return Text.assemble(("– ", "dim"), f"{check.name}: ", (check.said, "dim"))
    if check.findings:
        return Text.assemble(("✗ ", "red"), f"{check.name}: {check.said}")
    return Text.assemble(("✓ ", "green"), f"{check.name}: {check.said}")


def summary(diagnosis: Diagnosis) -> Text:
    """The last line: how many are wrong, of how much."""
    looked = _looked(diagnosis)
    accepted = (
        f"; {_many(diagnosis.accepted, 'finding')} accepted by annotation" if diagnosis.accepted else ""
    )
    if not diagnosis.findings:
        return Text(f"Nothing found. Looked at {looked}{accepted}.")
    kinds = Counter(one.severity for one in diagnosis.findings)
    said = " and ".join(_many(kinds[one], str(one)) for one in Severity if kinds[one])
    return Text(
        f"{said} in {_many(len({one.where for one in diagnosis.findings}), 'place')}. Looked at {looked}{accepted}. "
        "Every rule is explained in docs/doctor.md."
    )


def _finding(one: Finding, screen: Console) -> None:
    screen.print(Text.assemble("  ", (f"{one.severity}", _STYLES[one.severity]), f"  {one.rule}"))
    for text in (one.what, one.why):
        _paragraph(text, screen)
    for line in one.remedy.splitlines():
        screen.print(Text(f"    {line}", style="cyan"), soft_wrap=True)
    screen.print()


def _paragraph(text: str, screen: Console) -> None:
    if screen.soft_wrap:
        screen.print(Text(f"    {text}"))
        return
    for line in Text(text).wrap(screen, max(screen.width - 4, 20)):
        screen.print(Text("    ").append(line))


def _looked(diagnosis: Diagnosis) -> str:
    counts = diagnosis.counts()
    found = [_many(counts[name], kind) for kind, name in _COUNTED]
    if diagnosis.inventory is None:
        found = ["no manifests"]
    if diagnosis.files is not None:
        return f"{', '.join(found)} in {_many(len(diagnosis.files), 'file')}"
    done = sum(not one.skipped for one in diagnosis.checks)
    where = f"namespace {diagnosis.namespace}" if diagnosis.namespace else "the cluster"
    return f"{', '.join(found)} in {where}, and {done} of {_many(len(diagnosis.checks), 'live check')}"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _is_terminal(file: TextIO | None) -> bool:
    return Console(file=file).is_terminal

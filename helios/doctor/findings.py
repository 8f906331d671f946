"""What the doctor found wrong: one value, its order, and its form for machines.

Whether something is wrong is decided elsewhere (`lints.py`, the live checks); what is done about it, nowhere here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is. Both are findings: both make the exit code 1."""

    ERROR = "error"
    """It scales wrongly, or will as soon as something fails."""
    WARNING = "warning"
    """It does something else than it seems to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, with what to do about it.

    Attributes:
        rule: its name in docs/doctor.md, kebab-case.
        severity: how bad it is.
        where: `file:line namespace/Kind/name`, `namespace/Kind/name`, or the outside system, such as `Prometheus http://…`.
        what: what happens, in one or two sentences.
        why: what makes it so.
        remedy: YAML ready to paste, or a command.
    """

    rule: str
    severity: Severity
    where: str
    what: str
    why: str
    remedy: str

    def document(self) -> dict[str, str]:
        """The same for JSON; every value is text."""
        return {**asdict(self), "severity": str(self.severity)}


def arranged(findings: Iterable[Finding]) -> list[Finding]:
    """Each once, by place (line 4 before line 30), the worse first, then by name."""
    return sorted(
        set(findings),
        key=lambda one: (_natural(one.where), one.severity != Severity.ERROR, one.rule, one.what),
    )


def _natural(where: str) -> list[str | int]:
    """Texts and numbers by turns."""
    return [int(one) if i % 2 else one for i, one in enumerate(re.split(r"(\d+)", where))]

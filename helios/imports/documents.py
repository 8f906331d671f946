"""What an import tells: manifests with remarks as comments for Git or kubectl, lines for people, documents for scripts.

What users wrote into their objects is printed as plain text on one line: it can neither end a comment nor command a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from helios.imports import remarks
from helios.imports.conversions import IMPORTED, Imported
from helios.imports.doors import Outcome, Written
from helios.imports.fleets import Skipped
from helios.imports.rankings import Row, Verdict
from helios.imports.remarks import Effect, Remark, Rule
from scoring.ledgers import span

_DUMPER: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C, where the library has it: thousands of manifests are written."""


def plain(text: str) -> str:
    """On one line, without what a terminal or a YAML reader would take for more than text."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def manifests(imports: Iterable[Imported]) -> Iterator[str]:
    """A YAML document for each target, for `kubectl apply -f -`."""
    for made in imports:
        yield "".join(f"{line}\n" for line in ("---", *_comments(made)))
        yield yaml.dump(made.manifest, Dumper=_DUMPER, sort_keys=False, width=110)
        yield "".join(f"#   {plain(line)}\n" for line in made.suggestions)


def _comments(made: Imported) -> Iterator[str]:
    yield plain(f"# from {made.autoscaler}")
    for remark in made.said:
        yield plain(f"# {remark.rule.effect}: {remark.what}: {remark.rule.why}")
    if made.suggestions:
        yield "# what stands beneath it as a comment may be added to its spec"


def told(written: Sequence[Written], skipped: Sequence[Skipped], notes: Iterable[str]) -> Iterator[str]:
    """What was not copied, changed, or left: by reason, which is said once, with every object that it is about."""
    cases: dict[Rule, list[str]] = {}
    for skip in skipped:
        words = f"{skip.namespace}/{skip.name} ({skip.kind}): {skip.remark.what}"
        cases.setdefault(skip.remark.rule, []).append(words)
    for one in written:
        for remark in one.made.said:
            words = f"{_place(one.made)}: {remark.what}"
            cases.setdefault(remark.rule, []).append(words)
    order = list(Effect)
    for rule, lines in sorted(cases.items(), key=lambda item: (order.index(item[0].effect), item[0].name)):
        yield plain(f"{rule.effect} ({rule.name}, {len(lines)}): {rule.why}")
        if rule is not remarks.HAS_TARGET:  # of a fleet that was imported before that would be all of it
            yield from (plain(f"  {line}") for line in lines)
    for one in written:
        if one.outcome in (Outcome.FAILED, Outcome.EXISTS):
            yield plain(f"{one.outcome}: {_place(one.made)}: {one.why}")
    yield from (plain(note) for note in notes)


def summary(written: Sequence[Written], skipped: Sequence[Skipped], *, dry_run: bool) -> str:
    """One line."""
    counts = Counter(one.outcome for one in written)
    left = f"{len(skipped)} left as they are" if skipped else "none left out"
    if dry_run:
        return f"{counts[Outcome.PLANNED]} would become HeliosTargets in Observe, {left}; nothing was written"
    lost = f", {counts[Outcome.FAILED]} failed" if counts[Outcome.FAILED] else ""
    return (
        f"{counts[Outcome.CREATED]} became HeliosTargets in Observe{lost}, {left}; no autoscaler was touched "
        f"(kubectl get heliostargets -A -l {IMPORTED})"
    )


def waiting(rows: Sequence[Row], least_days: float) -> Iterator[str]:
    """Those that are not to be switched on yet: how many for which reason, and what is to be settled."""
    for verdict in Verdict:
        held = [row for row in rows if row.verdict is verdict]
        if not held or verdict is Verdict.READY:
            continue
        words = f"{len(held)}: {verdict}"
        if verdict is Verdict.YOUNG:
            longest = max((row.figures.seconds for row in held if row.figures), default=0.0)
            words += f" ({least_days:g} days; the longest has {span(longest)})"
        yield words
        if verdict is Verdict.SETTLE:
            yield from (plain(f"  {_target(row)}: {row.why}") for row in held)


def documents(
    written: Iterable[Written], skipped: Iterable[Skipped], rows: Iterable[Row]
) -> Iterator[dict[str, Any]]:
    """One for each object, then one for each target in the order of the ranking."""
    for one in written:
        autoscaler = one.made.autoscaler
        yield {
            "kind": autoscaler.kind,
            "namespace": autoscaler.metadata.namespace,
            "name": autoscaler.metadata.name,
            "outcome": one.outcome.value,
            "why": one.why or None,
            "manifest": one.made.manifest,
            "remarks": [_remark(remark) for remark in one.made.said],
            "suggestions": list(one.made.suggestions),
        }
    for skip in skipped:
        yield {
            "kind": skip.kind,
            "namespace": skip.namespace,
            "name": skip.name,
            "outcome": "skipped",
            "remarks": [_remark(skip.remark)],
        }
    for i, row in enumerate(rows):
        yield _ranked(i + 1, row)


def _remark(remark: Remark) -> dict[str, Any]:
    rule = remark.rule
    return {
        "rule": rule.name,
        "effect": rule.effect.value,
        "what": remark.what,
        "why": rule.why,
        "risk": rule.risk or None,
        "settle_first": rule.bars,
    }


def _ranked(rank: int, row: Row) -> dict[str, Any]:
    return {
        "rank": rank,
        "namespace": row.target.namespace,
        "target": row.target.name,
        "verdict": row.verdict.name.lower().replace("_", "-"),
        "why": row.why or None,
        "ledger": None if row.figures is None else row.figures.model_dump(),
        "minutes_short_saved": round(row.minutes_saved, 1),
        "replica_hours_saved": round(row.hours_saved, 2),
        "skill": row.skill,
        "current_replicas": row.replicas[0],
        "recommended_replicas": row.replicas[1],
        "risks": list(row.risks),
        "command": row.command if row.verdict is Verdict.READY else None,
    }


def _place(made: Imported) -> str:
    return f"{made.autoscaler.metadata.namespace}/{made.name}"


def _target(row: Row) -> str:
    return f"{row.target.namespace}/{row.target.name}"

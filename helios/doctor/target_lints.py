"""HeliosTargets that the operator would not score: what the API server lets through, and the operator then refuses."""

from __future__ import annotations

from collections.abc import Iterator

from helios.doctor import rules
from helios.doctor.findings import Finding
from helios.doctor.manifests import Manifest
from helios.operator.resources import HeliosTarget
from helios.targets import QueryPolicy


def lints(manifest: Manifest) -> Iterator[Finding]:
    """A spec that cannot be used; what the operator's settings forbid is theirs to know."""
    if not manifest.name:  # a patch, or a part of something else
        return
    problem = HeliosTarget.of(dict(manifest.body), fill=dict, queries=QueryPolicy.ANY).problem
    if problem is not None:
        named = manifest.namespace or "default"
        yield rules.TARGET.found(
            manifest.where,
            "The target is not scored, and has no gauges: Ready is False, or the API server refuses it.",
            f"{problem}",
            f"# every field: docs/heliostarget.md\nkubectl apply --dry-run=server -n {named} -f FILE",
        )

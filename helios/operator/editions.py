"""What its user has applied over an adopted ScaledObject since Helios wrote it: that is what counts, and what is given back.

Whoever applies a manifest, a pipeline at each deployment for instance, puts their whole list of triggers back, and with it none of
Helios'. Of every other field the object itself says what Helios wrote, in an annotation: by the target it could not be told, as
that may have been edited in the same breath. Pure functions.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from helios.operator.adoptions import ADOPTED, Original
from helios.operator.marks import DIGEST, FORM, OWNER, WROTE, Object, annotation
from scoring.gauges import SIGNAL

_OURS = (FORM, OWNER, DIGEST, WROTE, ADOPTED)
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""kubectl's: the manifest that was applied last."""

Trigger = Mapping[str, Any]


def wrote(spec: Mapping[str, Any], original: Original) -> str:
    """What Helios writes otherwise than it was, as annotation `WROTE` holds it."""
    changed = {name: value for name, value in spec.items() if value != original.spec.get(name)}
    return json.dumps(changed, separators=(",", ":"), sort_keys=True)


def applied_anew(original: Original, held: Object | None) -> Original | None:
    """An adopted ScaledObject as its user has applied it over what Helios wrote; None where nobody did, or where it is the same.

    Labels, annotations and owners are their user's. What of the spec still is as Helios wrote it is taken for Helios', and stays
    as it was kept, unless `kubectl apply` noted it as theirs.

    Args:
        original: as it was kept.
        held: as it stands; None: it does not.
    """
    if held is None or original.kind != "ScaledObject":
        return None
    live: Mapping[str, Any] = held.get("spec") or {}
    if not live.get("triggers") or forecasts(held):  # as nearly always: nothing is parsed for it
        return None
    written, before = _json(annotation(held, WROTE)), original.spec
    if not written:
        return None
    said = _json(annotation(held, _APPLIED)).get("spec")
    theirs = said if isinstance(said, dict) else {}
    first = before.get("triggers") or []
    ours = [one for one in written.get("triggers") or () if one not in first]
    left = [one for one in written.get("triggers") or () if one in first]
    if any(one in ours for one in live["triggers"]):
        return None
    # whoever took ours out by hand has not given up what they had replaced
    replaced = [] if theirs.get("triggers") == live["triggers"] else [one for one in first if one not in left]
    if replaced and live["triggers"] == left:
        return None
    kinds = {one.get("type") for one in live["triggers"]}
    live = {
        **live,
        "triggers": [*live["triggers"], *(one for one in replaced if one.get("type") not in kinds)],
    }
    written = {name: value for name, value in written.items() if theirs.get(name) != live.get(name)}
    newest = Original.of("ScaledObject", {**held, "spec": _apart(before, written, live)})
    annotations = {name: text for name, text in newest.annotations.items() if name not in _OURS}
    newest = replace(newest, uid=original.uid, annotations=annotations)
    return None if newest == original else newest


def forecasts(autoscaler: Original | Object) -> bool:
    """Whether one of its triggers is on Helios' own number."""
    spec = autoscaler.spec if isinstance(autoscaler, Original) else autoscaler.get("spec") or {}
    return any(forecast(trigger) for trigger in spec.get("triggers") or ())


def forecast(trigger: Trigger) -> bool:
    """Whether a trigger is on Helios' own number."""
    return trigger.get("type") == "prometheus" and SIGNAL.name in str(
        (trigger.get("metadata") or {}).get("query")
    )


def _json(text: str | None) -> dict[str, Any]:
    """An annotation that is a JSON object; empty where it is none."""
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _apart(before: Mapping[str, Any], written: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """What is live without what was written, in whose place stands what there was before."""
    out = {}
    for name in {**before, **live}:
        was, wrote, now = before.get(name), written.get(name), live.get(name)
        if all(isinstance(one, Mapping) for one in (wrote, now)):
            now = _apart(was if isinstance(was, Mapping) else {}, wrote or {}, now or {}) or was
        elif name in written and now == wrote:
            now = was
        if now is not None:
            out[name] = copy.deepcopy(now)
    return out

"""Which samples of cpu demand are censored: the pods were throttled or at their limit, so demand was at least this."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from helios.sources.answers import Key, Samples, key_of
from scoring.panels import Bools, Panel

FULL = 0.97
"""From this share of the pods' limits on, usage may be what the limit allows rather than what was wanted."""


def censored(panel: Panel, rows: Mapping[Key, int], held: Samples) -> Bools:
    """Mark the cells of `panel` at which a workload was held back, `[series, time]`.

    Args:
        panel: demand.
        rows: the cpu row of each workload.
        held: what `recipes.saturation` answered.
    """
    flags = np.zeros_like(panel.censored)
    columns = panel.values.shape[1]
    signs = np.array([labels.get("sign") == "throttled" for labels in held.labels], np.bool_)
    of_series = np.array([rows.get(key_of(labels) or ("", "", ""), -1) for labels in held.labels], np.intp)
    if not len(of_series):
        return flags
    row = of_series[held.owner]
    place = np.floor((held.times - panel.start) / panel.step + 1e-6)
    within = np.isfinite(place) & (place >= 0) & (place < columns)
    slot = np.where(within, place, 0).astype(np.intp)
    inside = (row >= 0) & within
    throttled = inside & signs[held.owner]
    flags[row[throttled], slot[throttled]] = True
    limited = inside & ~signs[held.owner] & np.isfinite(held.values) & (held.values > 0)
    at, when = row[limited], slot[limited]
    with np.errstate(invalid="ignore"):
        flags[at, when] |= panel.values[at, when] >= FULL * held.values[limited]
    flags &= ~np.isnan(panel.values)
    return flags

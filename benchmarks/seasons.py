"""Whether seasons are found: periods against those that a trace's authors named, and against what the next week did.

    python benchmarks/seasons.py --data DIR [--json]

DIR has traces/cpu_azurevm2017_periodic78_5m.csv.gz, whose column names end in the period that its authors found, and
cpu_azurevm2017_avg100_5m.csv.gz, machines that nobody called periodic. Windows are a week, begun on every day. Three judges:

- `named`: the share found as named, within a tenth, or as a multiple or a whole part of it. `names` says how much the named
  periods themselves explain of the week after, and in which share of windows a tenth or more: what can be expected at most.
  Many of these machines repeat every 64 to 66 minutes, whatever their name says.
- `next_week`: the share of the following week's variance that the period found explains there, which needs no names.
- `planted`: periods put into the machines that nobody called periodic, as half or a fifth of their variance; the daily one
  also with a harmonic of eight hours. Here alone the truth is known.

Peers in the same run: the highest of scipy's periodogram and of statsmodels' autocorrelation (its highest peak), over the
same range of periods. Peers always find something; ours may find none.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import periodogram
from statsmodels.tsa.stattools import acf

from helios.sources.traces import Trace
from scoring.forecasting.seasons import SHORTEST, seasons

DAY, WEEK = 288, 2016
LONGEST = WEEK // 3
NAMED = {"_p1h": 12, "_p8h": 96, "_p24h": 288}
TOLERANCE = 0.1
EXPLAINS = 0.1
"""Of the next week's variance; a period that explains less there is counted as false."""

Floats = NDArray[np.float32]
Periods = NDArray[np.int32]
Finder = Callable[[Floats], Periods]


def main() -> None:
    """Measure, then print one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with traces/")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")
    options = parser.parse_args()
    traces = options.data / "traces"
    periodic = Trace.from_csv(traces / "cpu_azurevm2017_periodic78_5m.csv.gz")
    others = Trace.from_csv(traces / "cpu_azurevm2017_avg100_5m.csv.gz")
    result = {name: judged(finder, periodic, others) for name, finder in FINDERS.items()}
    whole = {
        **result,
        "names": names(periodic),
        "windows": {
            "periodic": len(periodic.columns) * len(weeks(periodic.values)),
            "others": len(others.columns) * len(weeks(others.values)),
        },
    }
    if not options.json:
        for name, figures in result.items():
            print(f"{name}: {json.dumps(figures)}")
    print(json.dumps(whole))


def judged(finder: Finder, periodic: Trace, others: Trace) -> dict[str, Any]:
    """All figures of one way to find periods."""
    named = np.array([next(p for end, p in NAMED.items() if c.endswith(end)) for c in periodic.columns])
    found, seconds = _timed(finder, periodic.values)
    exact, related = _is(found, named), _is_related(found, named)
    return {
        "named": {
            f"{period // 12}h": {
                "exact": _share(exact[:, named == period]),
                "exact_or_multiple": _share(related[:, named == period]),
                "explained_of_all": next_week(periodic.values[named == period], found[:, named == period])[
                    "explained_of_all"
                ],
                "machines": int((named == period).sum()),
            }
            for period in NAMED.values()
        },
        "periodic_next_week": next_week(periodic.values, found),
        "others_next_week": next_week(others.values, _timed(finder, others.values)[0]),
        "planted": planted(finder, others.values),
        "series_per_second": round(found.size / seconds),
    }


def ours(window: Floats) -> Periods:
    """The seasons of Helios."""
    return seasons(window, day=DAY).period


def highest_of_periodogram(window: Floats) -> Periods:
    """The period of the highest power, linear trend removed."""
    frequencies, power = periodogram(window, detrend="linear", axis=1)
    usable = (frequencies >= 1 / LONGEST) & (frequencies <= 1 / SHORTEST)
    return np.round(1 / frequencies[usable][power[:, usable].argmax(axis=1)]).astype(np.int32)


def highest_of_autocorrelation(window: Floats) -> Periods:
    """The lag of the highest peak of the autocorrelation, 0 without a peak."""
    found = np.zeros(len(window), np.int32)
    for i, row in enumerate(window):
        if np.ptp(row) > 0:
            r = acf(row, nlags=LONGEST + 1, fft=True)
            peaks = np.flatnonzero((r[1:-1] >= r[:-2]) & (r[1:-1] > r[2:])) + 1
            peaks = peaks[peaks >= SHORTEST]
            found[i] = peaks[r[peaks].argmax()] if len(peaks) else 0
    return found


FINDERS: Mapping[str, Finder] = {
    "helios": ours,
    "scipy_periodogram": highest_of_periodogram,
    "statsmodels_acf": highest_of_autocorrelation,
}


def weeks(values: Floats) -> list[Floats]:
    """Windows of a week, begun on every day."""
    return [values[:, at : at + WEEK] for at in range(0, values.shape[1] - WEEK + 1, DAY)]


def next_week(values: Floats, found: NDArray[np.int32]) -> dict[str, float]:
    """What the periods found say of the week after: `found` is `[windows, machines]`."""
    explained, known = [], []
    for i, period in enumerate(found):
        pair = values[:, i * DAY : i * DAY + 2 * WEEK]
        if pair.shape[1] == 2 * WEEK:
            explained.append(
                [_explained(row, int(p)) if p else np.nan for row, p in zip(pair, period, strict=True)]
            )
            known.append(period > 0)
    shares, some = np.array(explained), np.array(known)
    return {
        "found": _share(found > 0),
        "explained_of_found": round(float(np.nanmean(shares)), 3),
        "explained_of_all": round(float(np.nan_to_num(shares).mean()), 3),
        "false_of_found": _share(shares[some] < EXPLAINS),
    }


def names(periodic: Trace) -> dict[str, dict[str, float]]:
    """What the named periods, or one column more or less, say of the week after."""
    explained: dict[str, list[float]] = {f"{period // 12}h": [] for period in NAMED.values()}
    for column, row in zip(periodic.columns, periodic.values, strict=True):
        period = next(p for end, p in NAMED.items() if column.endswith(end))
        for at in range(0, len(row) - 2 * WEEK + 1, DAY):
            pair = row[at : at + 2 * WEEK]
            explained[f"{period // 12}h"].append(max(_explained(pair, period + off) for off in (-1, 0, 1)))
    return {
        name: {"explained": round(float(np.mean(some)), 3), "holds": _share(np.array(some) >= EXPLAINS)}
        for name, some in explained.items()
    }


def planted(finder: Finder, values: Floats) -> dict[str, float]:
    """The share of planted periods that is found, by period and share of variance."""
    window = values[:, :WEEK]
    window = window[window.std(axis=1) > 0]
    noise = (window - window.mean(axis=1, keepdims=True)) / window.std(axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    out = {}
    for share in (0.5, 0.2):
        for period in NAMED.values():
            phase = rng.integers(0, period, (len(noise), 1))
            on = ((np.arange(WEEK) + phase) % period < period / 4).astype(np.float32)
            out[f"{period // 12}h of {share}"] = _planted(finder, noise, on, share, period)
    t = np.arange(WEEK) + rng.integers(0, DAY, (len(noise), 1))
    wave = np.sin(2 * np.pi * t / DAY) + np.sin(2 * np.pi * t / 96)
    out["24h with harmonics of 8h of 0.5"] = _planted(finder, noise, wave.astype(np.float32), 0.5, DAY)
    return out


def _planted(finder: Finder, noise: Floats, wave: Floats, share: float, period: int) -> float:
    wave = (wave - wave.mean(axis=1, keepdims=True)) / wave.std(axis=1, keepdims=True)
    mixed = np.sqrt(1 - share) * noise + np.sqrt(share) * wave
    return _share(_is(finder(mixed.astype(np.float32))[None], np.full(len(noise), period)))


def _explained(pair: Floats, period: int) -> float:
    """The share of variance around its level in the second week that the same phase of the two periods before explains."""
    kernel = np.ones(period) / period
    level = np.convolve(
        np.pad(pair, (period // 2, period - 1 - period // 2), mode="edge"), kernel, mode="valid"
    )
    above = pair - level
    at = np.arange(WEEK, 2 * WEEK)
    said, came = (above[at - period] + above[at - 2 * period]) / 2, above[at]
    weight = np.clip((said * came).sum() / max((said * said).sum(), 1e-12), 0, 1)
    total = (came * came).sum()
    return float(1 - ((came - weight * said) ** 2).sum() / total) if total > 1e-9 else 0.0


def _timed(finder: Finder, values: Floats) -> tuple[NDArray[np.int32], float]:
    """What was found in every window, `[windows, machines]`, and the processor's seconds."""
    began = time.process_time()
    found = np.array([finder(window) for window in weeks(values)])
    return found, time.process_time() - began


def _is(found: NDArray[np.int32], named: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(found - named) <= TOLERANCE * named)


def _is_related(found: NDArray[np.int32], named: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether one is about a multiple of the other."""
    low, high = np.minimum(found, named), np.maximum(found, named)
    ratio = high / np.maximum(low, 1)
    times = np.round(ratio)
    return np.asarray((found > 0) & (np.abs(ratio - times) <= TOLERANCE))


def _share(flags: NDArray[np.bool_]) -> float:
    return round(float(np.mean(flags)), 3)


if __name__ == "__main__":
    main()

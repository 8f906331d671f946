"""Make the bundled expectations (`helios/models/bundled/expectations/<next version>`) from public recordings.

    OMP_NUM_THREADS=1 python scripts/make_expectations.py --data /work/shared/data

Several metrics of one machine or cluster each (ASD's servers, Google's and Azure's clusters), and beside them machines that
have nothing to do with each other, so that a metric's companions are believed where they say something and not otherwise.
Sources and licences are those of `scripts/fleets.py`. Bitbrains' pairs of CPU and memory, which carry no licence, are only judged.

The figures in the metadata are out of sample: each kin (each pair of ASD's servers) is judged by an ensemble that was trained
without it. What is shipped is trained on all. Make it with the oldest xgboost that pyproject.toml allows.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from helios.models.forecasters import Source
from helios.models.stores import BUNDLED
from helios.models.writers import Origin, write_expectations
from helios.sources.traces import Trace
from scoring.anomalies.companions import Moments
from scoring.anomalies.expectations import Expectations, grown
from scoring.anomalies.lessons import Judgement, Recording, drawn, judged, ridge_of, steps_off
from scoring.anomalies.spreads import Doubles, Spread, joint_of, spread_of
from scripts.fleets import Fleet, sources

WITHOUT = (
    "worldcup98", "isp_uk", "microsoft", "azurefunctions", "kpi",
)  # fmt: skip
"""Kins that have one metric alone, or other steps."""
STRANGERS = 5
"""So many unrelated machines stand in for a target."""
MACHINES = 200
MOMENTS = {"asd": 1800, "google": 4500, "azure2019": 4500, "nab": 600}
"""Of each target; of strangers 120."""
SNAPSHOTS = 4000
"""Of every kin so many snapshots say how far off an expectation may be."""
SIZES = [2, 3, 4, 5, 6]
"""Of so many metrics they are; of more there are none in a request."""
JUDGED = {"bitbrains_pairs": 40}
"""Moments of each target; of others 400."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One target to learn from; targets of one `kin` are never on both sides of a comparison."""

    kin: str
    source: str
    recording: Recording


@dataclass(frozen=True, slots=True, eq=False)
class Unseen:
    """How targets were judged by what had not seen them; `steps` is how far off snapshots with a past were."""

    judgements: list[Judgement]
    steps: list[Doubles]


def main() -> int:
    """Train, judge out of sample, write; print where and how good."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the public recordings")
    parser.add_argument("--out", type=Path, default=BUNDLED)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    fleets = list(sources(options.data, without=WITHOUT, sample=MACHINES))
    targets = [target for fleet in fleets for target in targets_of(fleet)]
    lessons = [
        drawn(one.recording, MOMENTS.get(one.source, 120), default_rng((options.seed, k)))
        for k, one in enumerate(targets)
    ]
    unseen = {
        kin: judge(kin, targets, lessons, options.seed)
        for kin in ("asd_1", "asd_2", "asd_3", "google", "azure2019")
    }
    unseen["bitbrains_pairs"] = judge_pairs(options.data, targets, lessons, options.seed)
    held_out = {name: figures(one.judgements) for name, one in unseen.items()}
    spread, joint = spreads_of([one.steps for one in unseen.values()], default_rng(options.seed))
    folder = write_expectations(
        options.out,
        Expectations(grown(lessons, options.seed), spread, joint),
        Origin(
            step_seconds=300.0,
            sources=[source_of(fleet) for fleet in fleets],
            basis="metrics of servers and clusters beside each other; figures are of targets that it never saw",
            settings={"seed": options.seed, "machines": MACHINES},
            metrics=overall(held_out),
            held_out=held_out,
        ),
        now=time.time(),
    )
    print(json.dumps({"folder": str(folder), "held_out": held_out}, indent=2))
    return 0


def targets_of(fleet: Fleet) -> Iterator[Target]:
    """A fleet's targets: servers, clusters, or strangers in fives."""
    panel = fleet.panel
    names = [series.deployment for series in panel.series]
    if fleet.name == "asd":
        servers = sorted({name.partition("/")[0] for name in names})
        for k, server in enumerate(servers):
            rows = [row for row, name in enumerate(names) if name.startswith(f"{server}/")]
            yield Target(f"asd_{k // 2 + 1}", "asd", recorded(fleet, np.array(rows, np.intp)))
    elif fleet.kin in {"google", "azure2019", "nab"}:
        yield Target(fleet.kin, fleet.kin, recorded(fleet, np.arange(len(names))))
    else:
        # of a machine of Bitbrains one variate: the other is the same in another unit
        alone = [row for row, name in enumerate(names) if not name.endswith("/cpu_mhz")]
        order = default_rng(5).permutation(alone)
        for k in range(0, len(order) - STRANGERS + 1, STRANGERS):
            yield Target(fleet.kin, fleet.name, recorded(fleet, order[k : k + STRANGERS]))


def recorded(fleet: Fleet, rows: NDArray[np.intp]) -> Recording:
    """Some rows of a fleet's panel."""
    return Recording(fleet.panel.values[rows], fleet.panel.start, fleet.panel.step)


def judge(kin: str, targets: list[Target], lessons: list[Moments], seed: int) -> Unseen:
    """Judge a kin by what was trained without it."""
    rest = [lesson for one, lesson in zip(targets, lessons, strict=True) if one.kin != kin]
    return judge_by(rest, [one.recording for one in targets if one.kin == kin], 400, seed)


def judge_pairs(data: Path, targets: list[Target], lessons: list[Moments], seed: int) -> Unseen:
    """Judge CPU and memory of Bitbrains' machines by what was trained without Bitbrains."""
    cpu = Trace.from_csv(data / "traces" / "cpu_bitbrains_fs_201308_active86_5m.csv.gz")
    memory = Trace.from_csv(data / "traces" / "mem_bitbrains_fs_201308_50_5m.csv.gz")
    pairs = [
        Recording(np.stack([cpu.values[cpu.index(name)], memory.values[row]]), cpu.start, cpu.step)
        for row, name in enumerate(memory.columns)
    ]
    rest = [lesson for one, lesson in zip(targets, lessons, strict=True) if one.kin != "bitbrains"]
    return judge_by(rest, pairs, JUDGED["bitbrains_pairs"], seed)


def judge_by(lessons: list[Moments], held: list[Recording], moments: int, seed: int) -> Unseen:
    """Judge recordings by what lessons of others teach; whole, as the detector would."""
    expectations = Expectations(grown(lessons, seed))
    out = []
    for k, recording in enumerate(held):
        found = drawn(recording, moments, default_rng((seed, 1, k)), whole=True)
        if found.judged.any():
            out.append(judged(expectations.expected(found), ridge_of(lessons, found), found))
    sizes = SIZES * (-(-SNAPSHOTS // (len(held) * len(SIZES))))
    steps = [
        one
        for k, r in enumerate(held)
        for one in steps_off(expectations, r, sizes, default_rng((seed, 2, k)))
    ]
    return Unseen(out, steps)


def spreads_of(steps: list[list[Doubles]], random: Generator) -> tuple[Spread, tuple[Spread, ...]]:
    """How far off one metric is, and two together, three and so on; every kin weighs alike.

    Of sizes that only some kins have, the others' lack is their loss: the kins that have them count alone.
    """
    spread = spread_of(np.concatenate([random.choice(np.concatenate(one), SNAPSHOTS) for one in steps]))
    joint = []
    for size in SIZES:
        off = []
        for one in steps:
            of_size = [math.hypot(*spread.sigmas_of_all(s).tolist()) for s in one if len(s) == size]
            off += [random.choice(np.array(of_size), SNAPSHOTS // 2)] if of_size else []
        joint.append(joint_of(np.concatenate(off)))
    return spread, tuple(joint)


def figures(found: list[Judgement]) -> dict[str, float]:
    """Mean errors over targets, relative to persistence's."""
    persistence = sum(one.persistence for one in found)
    return {
        "error_over_persistence": round(sum(one.error for one in found) / persistence, 4),
        "ridge_over_persistence": round(sum(one.ridge for one in found) / persistence, 4),
        "targets": float(len(found)),
    }


def overall(held_out: dict[str, dict[str, float]]) -> dict[str, float]:
    """The geometric means over what was judged."""
    return {
        name: round(float(np.exp(np.mean([np.log(one[name]) for one in held_out.values()]))), 4)
        for name in ("error_over_persistence", "ridge_over_persistence")
    }


def source_of(fleet: Fleet) -> Source:
    """A fleet as the metadata names it."""
    rows, columns = fleet.panel.values.shape
    return Source(
        name=fleet.name,
        licence=fleet.licence,
        sha256=fleet.sha256,
        series=rows,
        steps=columns,
        kin=fleet.kin,
    )


if __name__ == "__main__":
    sys.exit(main())

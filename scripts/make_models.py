"""Make the bundled fleet model (`helios/models/bundled/fleet/<next version>`) from public fleets.

    OMP_NUM_THREADS=1 python scripts/make_models.py --data /work/shared/data

Which fleets, and under which licences, stands in `scripts/fleets.py`. Of each the first 70 % of the columns are trained on; what is
measured on the rest, with the forecaster `auto`, stands in the metadata. That is the later life of fleets that it knows; how it does on
fleets that it never saw is measured by `benchmarks/forecast.py`, which leaves each out with its kin.

Equal data, seed and library versions give the same `arrays.npz` and `booster.ubj` on one machine; on another processor the last digits
of sums may differ, and so may the trees that hang on them. `metadata.json` also holds the time. Make it with the oldest xgboost that
pyproject.toml allows (`uv run --isolated --with xgboost-cpu==3.0.* …`): newer ones read what older ones wrote, and not the reverse.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helios.models.forecasters import Source
from helios.models.stores import BUNDLED
from helios.models.writers import Origin, write_version
from helios.trainings import Corpus, Outcome, Train, learn
from scoring.forecasting.forecasts import Forecaster
from scoring.forecasting.learned import Models
from scripts.fleets import SAMPLE, STEP, Fleet, sources

HELD_OUT = 0.3
"""GIFT-Eval's test windows, and all that the benchmarks judge on, lie in it."""


def main() -> int:
    """Train, measure, write; print where and how good."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the public fleets")
    parser.add_argument("--out", type=Path, default=BUNDLED)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", type=int, default=SAMPLE, help="machines of Bitbrains")
    parser.add_argument("--without", nargs="*", default=[], help="kins to leave out")
    options = parser.parse_args()
    fleets = list(sources(options.data, without=options.without, sample=options.sample))
    folder, outcome = make(fleets, options.out, seed=options.seed, now=time.time())
    print(
        json.dumps(
            {"folder": str(folder), "metrics": outcome.metrics, "held_out": outcome.held_out}, indent=2
        )
    )
    return 0


def make(
    fleets: list[Fleet],
    out: Path,
    *,
    seed: int,
    now: float,
    train: Train | None = None,
    build: Callable[[Models], Forecaster] | None = None,
) -> tuple[Path, Outcome]:
    """Train on fleets and write the next version into `out`; the folder and what was measured.

    Args:
        fleets: all that is trained on.
        out: a folder of models.
        seed: of the lots that training draws.
        now: UNIX seconds.
        train: how; `scoring.forecasting.trainings.train` otherwise.
        build: makes the forecaster that is judged; `auto` otherwise.
    """
    corpora = [corpus_of(fleet) for fleet in fleets]
    outcome = learn(
        corpora,
        base=None,
        seed=seed,
        timer=time.perf_counter,
        progress=Said().progress,
        train=train,
        build=build,
    )
    origin = Origin(
        step_seconds=STEP,
        sources=[corpus.source for corpus in corpora],
        basis=basis_of(corpora),
        settings={"seed": seed, "held_out": HELD_OUT},
        metrics=outcome.metrics | {"loss_over_none": round(outcome.ratio, 4)},
        held_out=outcome.held_out,
    )
    return write_version(out, outcome.models, origin, now=now), outcome


def corpus_of(fleet: Fleet) -> Corpus:
    """A fleet as what training takes."""
    rows, columns = fleet.panel.values.shape
    source = Source(
        name=fleet.name,
        licence=fleet.licence,
        sha256=fleet.sha256,
        series=rows,
        steps=columns,
        kin=fleet.kin,
    )
    return Corpus(source, fleet.panel, HELD_OUT)


def basis_of(corpora: list[Corpus]) -> str:
    """In a sentence, what it was trained on."""
    series = sum(corpus.source.series for corpus in corpora)
    kins = len({corpus.source.kin for corpus in corpora})
    return f"{series} series of {kins} public fleets; a fleet of one's own is forecast better after `helios train`"


class Said:
    """Tells the progress on the error stream, a line for each tenth of a stage."""

    def __init__(self) -> None:
        self._last: tuple[str, int] = ("", -1)

    def progress(self, stage: str, done: float) -> None:
        """A stage and the share of it that is done."""
        now = (stage, int(10 * done))
        if now != self._last:
            print(f"{stage}: {done:.0%}", file=sys.stderr, flush=True)
            self._last = now


if __name__ == "__main__":
    sys.exit(main())

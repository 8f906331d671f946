"""Measure what the forecaster is worth and write the section "Forecasts" of docs/evidence.md.

    python scripts/make_evidence.py --data DIR            # run every benchmark: about an hour on one core
    python scripts/make_evidence.py --data DIR --only cold,trained
    python scripts/make_evidence.py --from docs/evidence/forecast.jsonl

The benchmarks run one after another, each as a process of its own, on one core. What they print is kept line by line in
docs/evidence/forecast.jsonl, from which the page can be rendered again without the data. A run that fails, and one that is
not asked for, keeps the lines that it had; lines are replaced when a run has ended well.

Options for a benchmark go through by its run's name, to try things out: --cold='--fleets mongo03 --every 8 --sample 0'.
They stand in the page, as all of the command does.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helios.models.forecasters import FLEET
from helios.models.stores import ModelStore
from scripts.evidence import section
from scripts.readings import Line

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "evidence" / "forecast.jsonl"
PAGE = ROOT / "docs" / "evidence.md"
BEGIN = (
    "<!-- forecasts: written by scripts/make_evidence.py; what stands between these marks is written over -->"
)
END = "<!-- /forecasts -->"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Told = Callable[[str], None]


class EvidenceError(Exception):
    """What was given cannot be used, or a benchmark failed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One benchmark.

    Attributes:
        script: the file.
        calls: its options, call after call.
        data: whether it reads the data.
    """

    script: str
    calls: tuple[tuple[str, ...], ...]
    data: bool = True


APART = ("--leave-one-out", "--networks", "build/networks")
"""Both runs need the networks that have not seen a fleet."""
RUNS: Mapping[str, Run] = {
    "gift": Run("benchmarks/gift_eval.py", ((),)),
    "cold": Run("benchmarks/forecast.py", ((*APART, "--models", "auto"),)),
    "trained": Run("benchmarks/forecast.py", ((*APART, "--models", "auto", "--train", "--sample", "0"),)),
    "seasons": Run("benchmarks/seasons.py", ((),)),
    "cycle": Run(
        "benchmarks/cycle.py", tuple(("--targets", n) for n in ("100", "1000", "10000")), data=False
    ),
}


def main() -> None:
    """Measure or read, then write the page."""
    try:
        failed = made(_options(), told=_told)
    except (EvidenceError, OSError) as error:
        sys.exit(f"make_evidence: {error}")
    if failed:
        sys.exit(f"make_evidence: failed: {', '.join(failed)}; the page has what they measured before")


def made(options: argparse.Namespace, runs: Mapping[str, Run] = RUNS, *, told: Told) -> list[str]:
    """Do what the options ask for; the names of the runs that failed.

    Raises:
        EvidenceError: the options name something that there is not, or the page or the kept file is not ours.
    """
    if options.data is None:
        _write_page(options.page, read(options.kept))
        return []
    if not options.data.is_dir():
        raise EvidenceError(f"--data {options.data}: no such folder")
    names = tuple(options.only.split(",")) if options.only else tuple(runs)
    unknown = [name for name in names if name not in runs]
    if unknown:
        raise EvidenceError(f"--only {unknown[0]}: name some of {', '.join(runs)}")
    out, failed = options.out, []
    lines = read(out) if out.exists() else []
    for name in names:
        try:
            new = list(
                measured(name, runs[name], options.data, shlex.split(getattr(options, name)), told=told)
            )
            if not new:
                raise EvidenceError(f"{name}: printed nothing")  # noqa: TRY301 - told as what the run did wrong
        except EvidenceError as error:
            told(str(error))
            failed.append(name)
            continue
        lines = [line for line in lines if line.run != name] + new
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(written(lines), encoding="utf-8")
        _write_page(options.page, lines)
    return failed


def measured(name: str, run: Run, data: Path, more: Sequence[str], *, told: Told) -> Iterator[Line]:
    """The lines of one run, as they are printed; `more` are options that go through.

    Raises:
        EvidenceError: it failed, or printed something else than JSON.
    """
    models, day = _in_force(), datetime.now(tz=UTC).date().isoformat()
    for call in run.calls:
        options = [*call, *more, "--json"]
        command = shlex.join([run.script, *(["--data", "DIR"] if run.data else []), *options])
        told(f"{name}: {command}")
        began = time.monotonic()
        at = ["--data", str(data.resolve())] if run.data else []
        with closing(printed([sys.executable, str(ROOT / run.script), *at, *options], name)) as texts:
            for text in texts:
                result = parsed(text, name)
                told(f"{name}: {time.monotonic() - began:,.0f} s {result.get('fleet', '')}")
                yield Line(name, command, day, models, whole=not more, result=result)


def printed(command: Sequence[str], name: str) -> Generator[str, None, None]:
    """Line after line of what a process of ours prints, on one core; it ends with whoever reads it.

    Raises:
        EvidenceError: it failed; told as of `name`.
    """
    with subprocess.Popen(  # noqa: S603 - our own scripts
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
        cwd=ROOT,
    ) as process:
        try:
            yield from process.stdout or ()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise EvidenceError(f"{name}: ended with exit code {process.returncode}")


def read(file: Path) -> list[Line]:
    """The lines of a file that was kept.

    Raises:
        EvidenceError: a line is none of ours.
    """
    found = []
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found.append(Line(**json.loads(text)))
        except (ValueError, TypeError) as error:
            raise EvidenceError(f"{file}, line {number}: not what this script wrote ({error})") from error
    return found


def written(lines: Sequence[Line]) -> str:
    """The file's text: runs in their order, one JSON document a line."""
    order = {name: i for i, name in enumerate(RUNS)}
    ordered = sorted(lines, key=lambda line: order.get(line.run, len(order)))
    return "".join(json.dumps(asdict(line), ensure_ascii=False) + "\n" for line in ordered)


def rendered(page: str, lines: Sequence[Line]) -> str:
    """The page with the section between its marks written anew.

    Raises:
        EvidenceError: the page has no marks, or not once each in their order.
    """
    return placed(page, section(lines), BEGIN, END)


def placed(page: str, text: str, begin: str, end: str) -> str:
    """The page with a text between two marks, instead of what stood there.

    Raises:
        EvidenceError: the page has no marks, or not once each in their order.
    """
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise EvidenceError(f"the page needs the lines {begin} and {end}, once each")
    head, rest = page.split(begin)
    return f"{head}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def _write_page(page: Path, lines: Sequence[Line]) -> None:
    page.write_text(rendered(page.read_text(encoding="utf-8"), lines), encoding="utf-8")


def parsed(text: str, name: str) -> Mapping[str, object]:
    """One line that a benchmark printed.

    Raises:
        EvidenceError: it is no JSON object; told as of `name`.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise EvidenceError(f"{name}: printed {text.strip()[:80]!r}, which is no JSON") from error
    if not isinstance(found, dict):
        raise EvidenceError(f"{name}: printed {text.strip()[:80]!r}, which is no JSON object")
    return found


def _in_force() -> str:
    """The bundled fleet model, in words."""
    store = ModelStore(None)
    store.refresh(time.time())
    known = store.forecasters.get(FLEET)
    return f"{FLEET} {known.version}" if known else "no bundled network"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="the folder with traces/ and gifteval/")
    source.add_argument("--from", type=Path, dest="kept", metavar="FILE", help="render what was kept")
    parser.add_argument("--only", help=f"some of {', '.join(RUNS)}, with commas")
    parser.add_argument("--out", type=Path, default=KEPT, help="where the lines are kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page that is written")
    for name, run in RUNS.items():
        parser.add_argument(f"--{name}", default="", metavar="OPTIONS", help=f"more options for {run.script}")
    return parser.parse_args()


def _told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

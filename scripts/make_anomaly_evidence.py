"""Measure what the anomaly detector is worth and write the section "Anomalies" of docs/evidence.md.

    python scripts/make_anomaly_evidence.py --data DIR    # run the benchmark: some five minutes on one core
    python scripts/make_anomaly_evidence.py --from docs/evidence/anomaly.jsonl

What benchmarks/anomaly.py prints is kept as it is, line by line, in docs/evidence/anomaly.jsonl, from which the page can be
rendered again without the data. A run that fails leaves file and page as they were.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.anomaly_evidence import section
from scripts.make_evidence import PAGE, ROOT, EvidenceError, Told, parsed, placed, printed
from scripts.readings import Result

BENCHMARK = ROOT / "benchmarks" / "anomaly.py"
KEPT = ROOT / "docs" / "evidence" / "anomaly.jsonl"
BEGIN = "<!-- anomalies: written by scripts/make_anomaly_evidence.py; what stands between these marks is written over -->"
END = "<!-- /anomalies -->"


def main() -> None:
    """Measure or read, then write the page."""
    try:
        made(_options(), told=_told)
    except (EvidenceError, OSError) as error:
        sys.exit(f"make_anomaly_evidence: {error}")


def made(options: argparse.Namespace, benchmark: Path = BENCHMARK, *, told: Told) -> None:
    """Do what the options ask for.

    Raises:
        EvidenceError: there is no such folder, the benchmark failed, or the page or the kept file is not ours.
    """
    if options.data is None:
        texts = options.kept.read_text(encoding="utf-8").splitlines()
        lines = read(texts, str(options.kept))
    else:
        if not options.data.is_dir():
            raise EvidenceError(f"--data {options.data}: no such folder")
        texts = measured(benchmark, options.data, told)
        lines = read(texts, benchmark.name)
    page = rendered(options.page.read_text(encoding="utf-8"), lines)
    if options.data is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    options.page.write_text(page, encoding="utf-8")


def measured(benchmark: Path, data: Path, told: Told) -> list[str]:
    """The lines that the benchmark prints.

    Raises:
        EvidenceError: it failed.
    """
    command = [sys.executable, str(benchmark), "--data", str(data.resolve()), "--json"]
    texts = []
    with closing(printed(command, benchmark.name)) as lines:
        for text in lines:
            texts.append(text.rstrip("\n"))
            told(f"{benchmark.name}: {_told_of(parsed(text, benchmark.name))}")
    return texts


def read(texts: Sequence[str], name: str) -> list[Result]:
    """The benchmark's lines.

    Raises:
        EvidenceError: a line is none of its, there is none, or two are of the same detector on the same suite.
    """
    found: list[Result] = []
    for number, text in enumerate(texts, start=1):
        line = parsed(text, f"{name}, line {number}")
        if "suite" not in line:
            raise EvidenceError(f"{name}, line {number}: not what benchmarks/anomaly.py printed (no suite)")
        if any(_told_of(line) == _told_of(one) for one in found):
            raise EvidenceError(f"{name}, line {number}: {_told_of(line)} for the second time")
        found.append(line)
    if not found:
        raise EvidenceError(f"{name}: no line")
    return found


def rendered(page: str, lines: Sequence[Result]) -> str:
    """The page with the section between its marks written anew.

    Raises:
        EvidenceError: the page has no marks, or not once each in their order.
    """
    return placed(page, section(lines), BEGIN, END)


def _told_of(line: Result) -> str:
    return " ".join(str(line[key]) for key in ("suite", "detector") if key in line)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="the folder with nab/, mscloud/, asd/ and kpi/")
    source.add_argument("--from", type=Path, dest="kept", metavar="FILE", help="render what was kept")
    parser.add_argument("--out", type=Path, default=KEPT, help="where the lines are kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page that is written")
    return parser.parse_args()


def _told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

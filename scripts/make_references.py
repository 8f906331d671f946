"""Write the reference tables of docs/ from the code.

    python scripts/make_references.py            # writes docs/heliostarget.md and docs/gauges.md
    python scripts/make_references.py --check    # exit code 1 if a page is not what the code says; writes nothing

What stands between two marks of a page is written over; the rest of the page is left as it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.references import api_metrics, fields, loop_metrics, target_gauges

DOCS = Path(__file__).resolve().parent.parent / "docs"
TABLES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "heliostarget.md": {"fields": fields},
    "gauges.md": {"targets": target_gauges, "loop": loop_metrics, "api": api_metrics},
}
"""Page -> mark -> what stands there."""


class MarksError(Exception):
    """A page has lost its marks."""


def begin(name: str) -> str:
    """The mark above a table."""
    return f"<!-- {name}: written by scripts/make_references.py; what stands between these marks is written over -->"


def end(name: str) -> str:
    """The mark below it."""
    return f"<!-- /{name} -->"


def placed(page: str, name: str, table: str) -> str:
    """The page with the table between its marks.

    Raises:
        MarksError: the marks are not there, once each and in order.
    """
    above, opened, rest = page.partition(begin(name) + "\n")
    _, closed, below = rest.partition(end(name))
    if not opened or not closed:
        raise MarksError(f"the marks of {name} are gone: put {begin(name)} and {end(name)} back")
    return f"{above}{opened}{table}\n{closed}{below}"


def stale(docs: Path = DOCS, *, write: bool) -> list[str]:
    """Pages that are not what the code says; written anew if asked for.

    Raises:
        MarksError: a page has lost its marks; nothing of it is written.
    """
    found = []
    for name, tables in TABLES.items():
        path = docs / name
        old = page = path.read_text(encoding="utf-8")
        for mark, table in tables.items():
            page = placed(page, mark, table())
        if page != old:
            found.append(name)
            if write:
                path.write_text(page, encoding="utf-8")
    return found


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page is stale")
    options = parser.parse_args()
    try:
        found = stale(write=not options.check)
    except (MarksError, OSError) as error:
        sys.exit(f"make_references: {error}")
    if options.check and found:
        sys.exit(
            f"make_references: {', '.join(found)}: not what the code says; run python scripts/make_references.py"
        )
    print(f"{'stale' if options.check else 'written'}: {', '.join(found) or 'nothing'}")


if __name__ == "__main__":
    main()

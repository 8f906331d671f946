"""Draw the four dashboards from real data, for docs/dashboards.md: docs/pictures/*.png.

    python scripts/make_dashboard_pictures.py [--only replay|cluster] [--data FOLDER] [--chromium /usr/bin/chromium]

Three of them show the demo's shop, replayed with the product's own loop and API, scraped, and loaded into a real Prometheus.
The fourth, of recommendations, shows the end-to-end suite's cluster, where a real KEDA and a real HPA follow Helios. The
panels' queries are run on these, and what they give is drawn by Grafana's own React components in headless Chromium.
There is no Grafana server in this: scripts/pictures says what stands in for it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from PIL import Image

from scripts.pictures.browsers import WIDTH, Photographer, built, photographer
from scripts.pictures.clusters import PROMETHEUS, scaled
from scripts.pictures.replays import SCRAPE_SECONDS, replay
from tests.cluster import components
from tests.cluster.prometheuses import Prometheus
from tests.sources.prometheus_server import prometheus

ROOT = Path(__file__).resolve().parent.parent
DASHBOARDS = ROOT / "dashboards"
OUT = ROOT / "docs" / "pictures"
CLUSTER_SECONDS = 780.0
COLOURS, ROUNDS = 256, 3


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: which dashboard, over which time, with which choices of its variables."""

    uid: str
    since: str
    variables: dict[str, str | list[str]] = field(default_factory=dict)


TWO: list[str] = ["saleor-api", "saleor-worker"]
REPLAYED = (
    Shot("helios-overview", "now-6h"),
    Shot(
        "helios-predictions",
        "now-24h",
        {"deployment": TWO, "large": TWO, "metric": "cpu", "horizon": "30m"},
    ),
    Shot("helios-anomalies", "now-6h", {"metric": "network_in", "horizon": "5m"}),
)
SCALED = (Shot("helios-recommendations", "now-12m", {"deployment": TWO, "large": TWO}),)


@dataclass(frozen=True, slots=True)
class Data:
    """Where the numbers are.

    Attributes:
        url: of Prometheus.
        end: UNIX seconds of the moment shown last.
        scrape: its scrape interval, as Grafana's data source is told it.
    """

    url: str
    end: float
    scrape: str


def main() -> None:
    """Replay, scale, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=("replay", "cluster"))
    parser.add_argument(
        "--data", type=Path, help="keep what is recorded in this folder, and draw from it the next time"
    )
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--theme", choices=("light", "dark"), default="dark")
    options = parser.parse_args()
    if options.chromium is None:
        sys.exit("chromium is not installed (Debian: apt-get install chromium)")
    if options.only != "replay" and not components.built():
        sys.exit("the cluster is not built: run python -m tests.cluster.components, or choose --only replay")
    OUT.mkdir(exist_ok=True)
    faults: list[str] = []
    with ExitStack() as stack:
        data = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        camera = stack.enter_context(photographer(built(), options.chromium))
        if options.only != "cluster":
            with replayed(data / "replay") as found:
                faults += take(camera, REPLAYED, found, options.theme)
        if options.only != "replay":
            with clustered(data / "cluster") as found:
                faults += take(camera, SCALED, found, options.theme)
    if faults:
        sys.exit("\n".join(faults))


@contextmanager
def replayed(folder: Path) -> Iterator[Data]:
    """The replay, recorded in `folder` where it is not yet."""
    samples = folder / "samples.txt"
    if not samples.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{replay(samples)} samples")
    with (
        tempfile.TemporaryDirectory() as scratch,
        samples.open(encoding="utf-8") as lines,
        prometheus(Path(scratch), samples) as url,
    ):
        end = max(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("helios_cycles_total"))
        yield Data(url, end, f"{SCRAPE_SECONDS:.0f}s")


@contextmanager
def clustered(folder: Path) -> Iterator[Data]:
    """The cluster, recorded in `folder` where it is not yet."""
    told = folder / "end.txt"
    if not told.exists():
        folder.mkdir(parents=True)
        told.write_text(f"{scaled(folder, seconds=CLUSTER_SECONDS)}\n", encoding="utf-8")
    with Prometheus(folder / PROMETHEUS) as server:
        yield Data(server.url, float(told.read_text(encoding="utf-8")), "1s")


def take(camera: Photographer, shots: Sequence[Shot], data: Data, theme: str) -> list[str]:
    """Take pictures, make them small, and say what is empty in them; what could not be drawn is returned."""
    faults = []
    for shot in shots:
        dashboard = json.loads((DASHBOARDS / f"{shot.uid}.json").read_text(encoding="utf-8"))
        order = {
            "dashboard": {**dashboard, "time": {"from": shot.since, "to": "now"}},
            "prometheus": data.url,
            "end": data.end * 1000,
            "scrapeInterval": data.scrape,
            "variables": shot.variables,
            "theme": theme,
            "timeZone": "utc",
            "width": WIDTH,
        }
        out = OUT / f"{shot.uid}.png"
        outcome = camera.take(order, out)
        _shrink(out)
        print(f"{out}: {out.stat().st_size // 1000} kB; without data: {', '.join(outcome.empty) or 'none'}")
        faults += [f"{shot.uid}: {fault}" for fault in outcome.faults]
    return faults


def _shrink(file: Path) -> None:
    """To the colours that count: less than half the size, and no difference to be seen."""
    with Image.open(file) as image:
        small = image.convert("RGB").quantize(COLOURS, kmeans=ROUNDS, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


if __name__ == "__main__":
    main()

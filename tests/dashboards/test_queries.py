"""Every query of every dashboard on a real Prometheus that holds what a real Helios has said of a day of its demo."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx
import pytest

from scripts.dashboards.queries import FOREIGN
from tests.dashboards.queries import (
    NEEDS_OPERATOR,
    NEEDS_STATE,
    UIDS,
    Window,
    dashboard,
    executed,
    failing,
    panels,
)
from tests.dashboards.recordings import SCRAPE_SECONDS, Recording, record
from tests.processes.commands import started
from tests.sources.prometheus_server import prometheus

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SPEED = "3000"
HOURS = 8.0
SHOWN_SECONDS = 6 * 3600.0
WITHOUT = {*FOREIGN, *NEEDS_OPERATOR, *NEEDS_STATE}
"""A replay has no cluster and keeps nothing: KEDA, kube-state-metrics, an API server and snapshots are asked in tests/cluster/test_dashboards.py."""

LINKED = {"namespace": ["saleor"], "deployment": ["saleor-api"]}
"""As a link of an alert chooses."""

every_dashboard = pytest.mark.parametrize("uid", UIDS)


@dataclass(frozen=True)
class Scene:
    """What was recorded, and the Prometheus that holds it."""

    url: str
    recording: Recording

    def window(self, seconds: float = SHOWN_SECONDS) -> Window:
        """The last hours of the trace."""
        return Window(self.recording.end, seconds, SCRAPE_SECONDS)

    def values(self, promql: str) -> Mapping[str, float]:
        """An instant query by deployment, at the end of the recording."""
        asked = {"query": promql, "time": self.recording.end}
        answer = httpx.post(f"{self.url}/api/v1/query", data=asked, trust_env=False).raise_for_status()
        found = answer.json()["data"]["result"]
        return {one["metric"].get("deployment", ""): float(one["value"][1]) for one in found}


@pytest.fixture(scope="module")
def scene(needs: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The real command replays the bundled trace; each cycle is scraped, and stands where it happened."""
    folder = tmp_path_factory.mktemp("dashboards")
    binary, promtool = needs("prometheus"), needs("promtool")
    with started(["demo", "--speed", SPEED]) as demo:
        recording = record(demo.url, folder / "metrics.txt", hours=HOURS)
    with prometheus(folder, recording.file, binary=binary, promtool=promtool) as url:
        yield Scene(url, recording)


@every_dashboard
def test_every_query_of_a_dashboard_just_opened_has_an_answer(scene: Scene, uid: str) -> None:
    """All targets, the first horizon, cpu; variables and annotations too."""
    assert [] == failing(executed(dashboard(uid), scene.url, scene.window(), without=WITHOUT))


@every_dashboard
def test_every_query_of_a_dashboard_that_an_alert_links_to_has_an_answer(scene: Scene, uid: str) -> None:
    """One target, another horizon, memory."""
    chosen = LINKED | {"horizon": ["30m"], "metric": ["memory"]}
    assert [] == failing(executed(dashboard(uid), scene.url, scene.window(), chosen=chosen, without=WITHOUT))


@every_dashboard
def test_a_dashboard_of_an_hour_has_an_answer_to_every_query(scene: Scene, uid: str) -> None:
    """What grows over the range grows in a short one too."""
    assert [] == failing(executed(dashboard(uid), scene.url, scene.window(3600.0), without=WITHOUT))


def test_a_query_that_asks_for_nothing_or_wrongly_is_found_and_named(scene: Scene) -> None:
    """Dashboard, panel, query, and what Prometheus said."""
    board = copy.deepcopy(dashboard("helios-overview"))
    states, modes, *_ = panels(board)
    states["targets"][0]["expr"] = "max by (state) (helios_target)"
    modes["targets"][0]["expr"] = "count by mode (helios_target_info)"
    board["annotations"]["list"][0]["target"]["expr"] = "vector(0) / 0"
    found = failing(executed(board, scene.url, scene.window(), without=WITHOUT))
    assert [
        "helios-overview / annotation / Anomalies: 0 series: vector(0) / 0",
        "helios-overview / Targets by state / A: 0 series: max by (state) (helios_target)",
    ] == found[:2]
    assert found[2].startswith("helios-overview / Targets by mode / A: invalid parameter")
    assert 3 == len(found)


def test_a_prediction_stands_at_the_time_it_speaks_of(scene: Scene) -> None:
    """Moved by its horizon it is nearer to what came than the demand of the time when it was made."""
    demand, horizon = (
        'max by (deployment) (helios_demand{metric="cpu"}',
        'metric="cpu",horizon="30m",quantile="0.5"',
    )
    known = f"{demand} offset 30m)"
    predicted = f"max by (deployment) (helios_predicted_demand{{{horizon}}} offset 30m)"
    error, persistence = (
        scene.values(f"avg_over_time((abs({guess} - {demand})) / {demand}))[{SHOWN_SECONDS:.0f}s:300s])")
        for guess in (predicted, known)
    )
    assert {"saleor-api", "saleor-dashboard", "saleor-worker"} == error.keys() == persistence.keys()
    assert sum(error.values()) < sum(persistence.values())


def panel_value(scene: Scene, uid: str, title: str) -> Sequence[float]:
    """The numbers of a panel as the dashboard asks for them."""
    board = dashboard(uid)
    board["panels"] = [panel for panel in panels(board) if panel["title"] == title]
    answers = [a for a in executed(board, scene.url, scene.window()) if a.panel == title]
    return [value for answer in answers for value in scene.values(answer.asked).values()]


def test_a_number_is_what_the_gauges_say(scene: Scene) -> None:
    """The fleet's recommended replicas are the sum of its targets'."""
    (current, recommended, _) = panel_value(scene, "helios-overview", "Replicas")
    assert sum(scene.values("helios_recommended_replicas").values()) == recommended
    assert sum(scene.values("helios_current_replicas").values()) == current

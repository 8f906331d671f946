"""The operator as a whole: targets come, go and change, the API server fails, and each has its stated answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operator.api_server import ApiServer
from tests.operator.objects import deployment
from tests.operator.operators import Metrics, applied, comes_true, running, shop
from tests.operator.targets import body

pytestmark = pytest.mark.integration


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server."""
    with ApiServer() as server:
        yield server


def test_a_target_that_is_applied_has_its_status_and_gauges_within_a_cycle(
    api: ApiServer, tmp_path: Path
) -> None:
    """Before and after the start of the operator alike."""
    api.store.put(*shop("web"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: operator.condition("Ready") == "Scored")
        api.store.put(*shop("api"))
        assert comes_true(lambda: operator.condition("Ready", "api") == "Scored")
        assert 'helios_recommended_replicas{namespace="shop",deployment="api"}' in operator.gauges()
        assert 3 == operator.status("api")["replicas"]["current"]


def test_a_target_that_is_deleted_takes_its_gauges_with_it(api: ApiServer, tmp_path: Path) -> None:
    """No ghost is scored."""
    api.store.put(*shop("web", "api"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: 'deployment="web"' in operator.gauges())
        api.store.remove("heliostargets", "web")
        assert comes_true(lambda: 'deployment="web"' not in operator.gauges())
        assert 'deployment="api"' in operator.gauges()


def test_a_mute_is_in_force_with_the_next_cycle(api: ApiServer, tmp_path: Path) -> None:
    """An annotation alone, seen by the watch: gauge and status say so, and say when it ends; the spec is not touched."""
    api.store.put(*shop("web"))
    muted = 'helios_anomaly_muted{namespace="shop",deployment="web"} '
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: f"{muted}0" in operator.gauges())
        target = api.store.one("heliostargets", "web")
        target["metadata"]["annotations"] = {"helios.dev/muted-until": "2999-01-01T00:00:00Z"}
        api.store.put(target)
        assert comes_true(lambda: f"{muted}1" in operator.gauges(), 5)
        said = "until 2999-01-01T00:00:00Z"
        assert comes_true(lambda: operator.status().get("anomaly", {}).get("muted") == said, 5)
        target = api.store.one("heliostargets", "web")
        target["metadata"]["annotations"] = {}
        api.store.put(target)
        assert comes_true(lambda: f"{muted}0" in operator.gauges(), 5)
        assert comes_true(lambda: "muted" not in operator.status()["anomaly"], 5)
        assert 1 == api.store.one("heliostargets", "web")["metadata"]["generation"]


def test_no_finalizer_and_nothing_else_is_put_on_a_target(api: ApiServer, tmp_path: Path) -> None:
    """A delete never hangs on an operator that is down; only the status is ever written."""
    api.store.put(*shop("web"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: operator.condition("Ready") == "Scored")
        assert {"heliostargets/status"} == {r.resource for r in api.asked("patch")}
        assert {"name", "namespace"} >= {
            k for k in api.store.one("heliostargets", "web")["metadata"] if k in {"finalizers", "annotations"}
        }


def test_a_delete_during_an_outage_is_found_by_the_list_after_it(api: ApiServer, tmp_path: Path) -> None:
    """The watch lists anew and tells of no delete; that it does makes the operator list too."""
    api.store.put(*shop("web", "api"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: 'deployment="web"' in operator.gauges())
        api.down()
        api.store.remove("heliostargets", "web")
        api.compact()
        api.up()
        assert comes_true(lambda: 'deployment="web"' not in operator.gauges(), 20)
        assert 'deployment="api"' in operator.gauges()


def test_a_watch_that_goes_silent_costs_at_most_the_time_between_two_lists(
    api: ApiServer, tmp_path: Path
) -> None:
    """What the watch does not tell, the list finds."""
    api.store.put(*shop("web"))
    with running(api, tmp_path, relist_seconds=1) as operator:
        assert comes_true(lambda: operator.condition("Ready") == "Scored")
        api.silence()
        api.store.put(*shop("api"))
        api.store.remove("heliostargets", "web")
        assert comes_true(lambda: operator.condition("Ready", "api") == "Scored")
        assert comes_true(lambda: 'deployment="web"' not in operator.gauges())


def test_an_api_server_that_is_away_does_not_stop_the_scoring(api: ApiServer, tmp_path: Path) -> None:
    """Gauges stay fresh by Prometheus alone; when it is back, statuses follow."""
    api.store.put(*shop("web"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: operator.condition("Ready") == "Scored")
        api.down()
        before = operator.built.live.cycles()
        assert comes_true(lambda: operator.built.live.cycles() >= before + 4, 20)
        assert 'helios_recommended_replicas{namespace="shop",deployment="web"}' in operator.gauges()
        api.up()
        api.store.put(*shop("late"))
        assert comes_true(lambda: operator.condition("Ready", "late") == "Scored", 20)


def test_a_resource_that_is_not_installed_yet_is_waited_for(api: ApiServer, tmp_path: Path) -> None:
    """The operator may be applied before its own CRD."""
    api.fail("heliostargets", 404)
    with running(api, tmp_path) as operator:
        assert not comes_true(operator.built.operator.registry.listed.is_set, 0.5)
        api.heal()
        api.store.put(*shop("web"))
        assert comes_true(lambda: operator.condition("Ready") == "Scored", 15)


def test_an_invalid_target_and_a_conflict_cost_the_others_nothing(api: ApiServer, tmp_path: Path) -> None:
    """Each has its condition; the good one is scored."""
    api.store.put(deployment("web"), body("web"), applied("bad", replicas={"min": 9, "max": 2}))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: operator.condition("Ready") == "Scored")
        assert comes_true(lambda: operator.condition("Ready", "bad") == "Invalid")
        api.store.put(body("second", age=10, scaleTargetRef={"name": "web"}))
        assert comes_true(lambda: operator.condition("Ready", "second") == "Conflict")
        assert "Scored" == operator.condition("Ready")


def test_a_deployment_that_comes_later_is_scored_when_it_does(api: ApiServer, tmp_path: Path) -> None:
    """And one that goes is said to be missing, not taken for idle."""
    api.store.put(applied("web"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: operator.condition("Ready") == "WorkloadMissing")
        api.store.put(deployment("web"))
        assert comes_true(lambda: operator.condition("Ready") == "Scored")
        api.store.remove("deployments", "web")
        assert comes_true(lambda: operator.condition("Ready") == "WorkloadMissing")


def test_a_deployment_scaled_to_zero_by_hand_is_said_to_be(api: ApiServer, tmp_path: Path) -> None:
    """A ratio of nothing is left out, never zero."""
    api.store.put(*shop("web"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: operator.condition("Ready") == "Scored")
        api.store.put(deployment("web", replicas=0))
        assert comes_true(lambda: operator.condition("DataAvailable") == "ScaledToZero")
        assert "helios_predicted_cpu{" not in operator.gauges()


def test_a_rollout_counts_its_surge_as_the_hpa_does(api: ApiServer, tmp_path: Path) -> None:
    """Replicas are `status.replicas`; the same number stands under the ratio and in the gauge."""
    api.store.put(*shop("web"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: operator.condition("Ready") == "Scored")
        api.store.put(deployment("web", replicas=3, current=4, updated=1))
        assert comes_true(lambda: operator.status()["replicas"]["current"] == 4)
        assert 'helios_current_replicas{namespace="shop",deployment="web"} 4' in operator.gauges()


def test_another_workload_in_the_target_ref_is_followed(api: ApiServer, tmp_path: Path) -> None:
    """The old one's gauges go, the new one's come."""
    api.store.put(*shop("web"), deployment("api"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: 'deployment="web"' in operator.gauges())
        api.store.put(applied("web", scaleTargetRef={"name": "api"}))
        assert comes_true(lambda: 'deployment="api"' in operator.gauges())
        assert 'deployment="web"' not in operator.gauges()


def test_a_restart_is_warm_and_writes_nothing_that_stands(api: ApiServer, tmp_path: Path) -> None:
    """What has not expired is published before the first cycle, though no source answers; statuses stay."""
    api.store.put(*shop("web"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: operator.condition("Ready") == "Scored")
        assert comes_true((tmp_path / "state.npz").exists)
        assert comes_true(lambda: api.asked("watch"))  # who is stopped while kopf begins takes seconds to end
    before = len(api.asked("patch"))
    with running(api, tmp_path, Metrics(down=True), status_seconds=300) as operator:
        assert comes_true(lambda: 'helios_recommended_replicas{namespace="shop"' in operator.gauges(), 2.9)
        assert comes_true(lambda: operator.built.live.cycles() >= 1)
    assert before == len(api.asked("patch"))


def test_autoscale_and_back_through_the_api_server(api: ApiServer, tmp_path: Path) -> None:
    """The ScaledObject is applied, and released again on cpu alone."""
    api.store.put(*shop("web", mode="Autoscale"))
    with running(api, tmp_path) as operator:
        assert comes_true(lambda: operator.condition("Scaling") == "Autoscaling")
        made = api.store.one("scaledobjects", "web")
        assert ["prometheus", "cpu"] == [t["type"] for t in made["spec"]["triggers"]]
        api.store.put(applied("web", mode="Observe"))
        assert comes_true(lambda: operator.condition("Scaling") == "Released")
        made = api.store.one("scaledobjects", "web")
        assert ["cpu"] == [t["type"] for t in made["spec"]["triggers"]]
        assert 3 == made["spec"]["minReplicaCount"]

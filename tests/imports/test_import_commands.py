"""`helios import` as a user types it: what is written, what is said on which stream, how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from helios.cli import app
from helios.errors import ClusterForbidden, ClusterMissing, ClusterUnreachable
from tests.imports.objects import cron, figures, hpa, made_by_keda, scaled, trigger
from tests.operator.api_server import ApiServer
from tests.operator.api_stores import Kind
from tests.operator.objects import helios_target
from tests.sources.web_servers import json_reply, refused, serve

JOBS = Kind("keda.sh/v1alpha1", "ScaledJob", "scaledjobs")


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server with two autoscalers of users', and the HPA that KEDA made for one of them."""
    with ApiServer() as server:
        server.store.kinds.append(JOBS)
        server.store.put(hpa("web"), scaled(trigger(), cron(), name="queue"), made_by_keda("queue"))
        yield server


@pytest.fixture
def home(api: ApiServer, tmp_path: Path) -> str:
    """A kube config that leads there."""
    return str(api.kube_config(tmp_path))


def called(home: str, *arguments: str) -> Result:
    """Call the command line; no Helios runs unless a test says where."""
    url = () if "--url" in arguments else ("--url", refused())
    return CliRunner().invoke(app, ("import", *arguments, *url), env={"KUBECONFIG": home, "COLUMNS": "200"})


def targets(api: ApiServer) -> dict[str, dict[str, Any]]:
    """By name, as they stand at the API server."""
    return {one["metadata"]["name"]: one for one in api.store.all("heliostargets")}


def test_every_autoscaler_gets_a_target_in_observe_and_none_is_written_to(api: ApiServer, home: str) -> None:
    """One list for each kind, one request for each target."""
    before = [api.store.one("horizontalpodautoscalers", "web"), api.store.one("scaledobjects", "queue")]
    done = called(home)
    assert (0, {"web", "queue"}) == (done.exit_code, set(targets(api)))
    assert {"Observe"} == {one["spec"]["mode"] for one in targets(api).values()}
    assert before == [
        api.store.one("horizontalpodautoscalers", "web"),
        api.store.one("scaledobjects", "queue"),
    ]
    assert {"create heliostargets", "list heliostargets", "list horizontalpodautoscalers", "list scaledjobs", "list scaledobjects"} == {
        f"{one.verb} {one.resource}" for one in api.requests if one.resource != "discovery"
    }  # fmt: skip
    assert "2 became HeliosTargets in Observe, none left out; no autoscaler was touched" in done.stdout
    assert "changed (min-zero, 1)" in done.stderr


def test_a_second_import_writes_nothing(api: ApiServer, home: str) -> None:
    """What has a target is left as it is, whoever changed it."""
    called(home)
    before = targets(api)
    done = called(home)
    assert (0, before) == (done.exit_code, targets(api))
    assert 2 == len(api.asked("create"))
    assert "0 became HeliosTargets in Observe, 2 left as they are" in done.stdout
    assert (
        "not imported (has-target, 2): its workload has a HeliosTarget already, which stays as it is\n"
        == done.stderr.partition("not ranked")[0]
    )


def test_a_dry_run_prints_what_would_be_and_writes_nothing(api: ApiServer, home: str) -> None:
    """YAML alone on the output stream, so that it may be piped; remarks on the other."""
    done = called(home, "--dry-run")
    assert (0, {}) == (done.exit_code, targets(api))
    assert {"list"} == {one.verb for one in api.requests if one.resource != "discovery"}
    printed = list(yaml.safe_load_all(done.stdout))
    assert ["queue", "web"] == [one["metadata"]["name"] for one in printed]
    assert "2 would become HeliosTargets in Observe, none left out; nothing was written" in done.stderr
    called(home)
    assert [one["spec"] for one in printed] == [targets(api)[name]["spec"] for name in ("queue", "web")]


def test_one_namespace_is_asked_for_alone(api: ApiServer, home: str) -> None:
    """So that who has rights in one namespace can import it."""
    api.store.put(hpa("web", "bank"))
    assert 0 == called(home, "--namespace", "bank").exit_code
    assert ["bank"] == [one["metadata"]["namespace"] for one in targets(api).values()]
    assert {"bank"} == {one.namespace for one in api.requests if one.resource != "discovery"}


@pytest.mark.parametrize("namespace", ["nope", "NoPe!", "a/b", ""])
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["import", "dry run"])
def test_a_namespace_that_does_not_exist_is_no_success(
    api: ApiServer, home: str, namespace: str, more: tuple[str, ...]
) -> None:
    """A slip of the hand looks like an empty one, and is named instead."""
    done = called(home, "--namespace", namespace, *more)
    assert isinstance(done.exception, ClusterMissing)
    assert f"there is no namespace {namespace!r}" in str(done.exception)
    assert {"web", "queue"}.isdisjoint(targets(api))


def test_an_empty_namespace_has_nothing_to_import(api: ApiServer, home: str) -> None:
    """Which is no error, and nothing is said of it."""
    api.store.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bank"}})
    done = called(home, "--namespace", "bank")
    assert (0, "") == (done.exit_code, done.stderr)
    assert done.stdout.startswith("0 became HeliosTargets in Observe, none left out")


def test_who_may_not_look_up_a_namespace_is_told_to_check_its_name(api: ApiServer, home: str) -> None:
    """Rights in one namespace alone are enough."""
    api.fail("namespaces", 403)
    done = called(home, "--namespace", "bank")
    assert 0 == done.exit_code
    assert (
        "nothing was found in namespace bank, and you may not look up whether there is one: check its name\n"
        == done.stderr
    )


def test_a_workload_whose_version_is_gone_is_named(api: ApiServer, home: str) -> None:
    """Its HPA may work all the same, as nothing but its group and kind is looked at there; its target would not."""
    rollout = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"}
    api.store.put(hpa("web", scaleTargetRef=rollout))
    done = called(home)
    assert (0, {"web", "queue"}) == (done.exit_code, set(targets(api)))
    assert "note (not-served, 1): Helios cannot see such a workload" in done.stderr
    assert "shop/web: apiVersion argoproj.io/v1alpha1 is not served by this cluster" in done.stderr


def test_a_cluster_that_cannot_say_what_it_serves_is_imported_all_the_same(api: ApiServer, home: str) -> None:
    """Nothing is said of it then."""
    api.fail("discovery", 403)
    done = called(home, "--dry-run")
    assert 0 == done.exit_code
    assert "not-served" not in done.stderr


def test_who_may_not_list_is_told_which_role_is_theirs(api: ApiServer, home: str) -> None:
    """The operator's would not let them create targets, and they are not the operator."""
    api.fail("horizontalpodautoscalers", 403)
    done = called(home)
    assert isinstance(done.exception, ClusterForbidden)
    assert "may not list horizontalpodautoscalers" in str(done.exception)
    assert "docs/adopt.md shows a ClusterRole for import, doctor and release" in str(done.exception)
    assert "ClusterRole helios " not in str(done.exception)


def test_for_scripts_there_is_a_document_for_each_object(api: ApiServer, home: str) -> None:
    """One per line; what is skipped has its reason."""
    api.store.put(hpa("a", workload="api"), hpa("b", workload="api"))
    done = called(home, "--json", "--dry-run")
    found = {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert {"queue": "planned", "web": "planned", "a": "skipped", "b": "skipped"} == {
        name: one["outcome"] for name, one in found.items()
    }
    assert ["min-zero"] == [remark["rule"] for remark in found["queue"]["remarks"]]
    assert ["two-autoscalers"] == [remark["rule"] for remark in found["a"]["remarks"]]
    assert "HeliosTarget" == found["web"]["manifest"]["kind"]


@pytest.mark.parametrize(
    "lists", [("scaledobjects", "scaledjobs"), ("scaledjobs",)], ids=["no KEDA", "an old one"]
)
def test_a_cluster_without_keda_has_hpas_alone(api: ApiServer, home: str, lists: tuple[str, ...]) -> None:
    """They are imported all the same."""
    api.store.kinds[:] = [kind for kind in api.store.kinds if kind.plural not in lists]
    assert 0 == called(home).exit_code
    assert "web" in targets(api)


def test_jobs_that_may_not_be_listed_are_said_and_cost_nothing(api: ApiServer, home: str) -> None:
    """The operator's own role has no right to them."""
    api.fail("scaledjobs", 403)
    done = called(home)
    assert (0, {"web", "queue"}) == (done.exit_code, set(targets(api)))
    assert "ScaledJobs are not named here" in done.stderr


def test_without_the_resource_there_is_a_dry_run_alone(api: ApiServer, home: str) -> None:
    """The first look needs no installation."""
    api.store.kinds[:] = [kind for kind in api.store.kinds if kind.plural != "heliostargets"]
    assert 0 == called(home, "--dry-run").exit_code
    done = called(home)
    assert isinstance(done.exception, ClusterMissing)
    assert "helios crd | kubectl apply -f -" in str(done.exception)


def test_a_target_that_is_refused_costs_itself_alone(api: ApiServer, home: str) -> None:
    """With the server's words and exit code 1."""
    api.fail("heliostargets", 403, verb="create", message="exceeded quota: targets", times=1)
    done = called(home)
    assert (1, {"web"}) == (done.exit_code, set(targets(api)))
    assert "failed: shop/queue" in done.stderr
    assert "exceeded quota: targets" in done.stderr
    assert "1 became HeliosTargets in Observe, 1 failed" in done.stdout
    assert 0 == called(home).exit_code
    assert {"web", "queue"} == set(targets(api))


def test_an_api_server_that_goes_away_ends_the_writes(api: ApiServer, home: str) -> None:
    """What follows is not tried, and named."""
    api.fail("heliostargets", 503, verb="create")
    done = called(home)
    assert (1, {}) == (done.exit_code, targets(api))
    assert 1 == len({one.name for one in api.asked("create", "heliostargets")})
    assert 2 == done.stderr.count("run it again, what is there stays")


def test_what_cannot_be_listed_ends_it(api: ApiServer, home: str) -> None:
    """Half a picture would import what two autoscalers scale."""
    api.fail("scaledobjects", 503)
    assert isinstance(called(home).exception, ClusterUnreachable)
    assert {} == targets(api)


def test_a_target_that_somebody_made_meanwhile_is_never_overwritten(api: ApiServer, home: str) -> None:
    """A create is refused where a name is taken."""
    api.fail("heliostargets", 409, verb="create", message="already exists", times=1)
    done = called(home)
    assert 0 == done.exit_code
    assert "exists: shop/queue" in done.stderr


def test_with_ledgers_it_says_whom_to_switch_on_first(api: ApiServer, home: str) -> None:
    """With the figures, the risk and the command; and for what the others wait."""
    api.store.put(helios_target("web"), helios_target("api"), helios_target("young"), helios_target("new"))
    found = [
        figures("web", short=(11, 2), hours=(101, 87), reactive=8),
        figures("api", short=(3, 0)),
        figures("young", days=0.25),
    ]
    with serve(lambda _: json_reply({"targets": [one.model_dump() for one in found]})) as helios:
        done = called(home, "--url", helios.url)
    assert 0 == done.exit_code
    assert "Switch these 2 on first, of 2 that are ready and 4 in all:" in done.stdout
    assert done.stdout.index("shop/web") < done.stdout.index("shop/api")
    assert "11 → 2 (reactive 8)" in done.stdout
    assert "101.0 → 87.0" in done.stdout
    assert "2 minutes short remain" in done.stdout
    command = 'kubectl patch heliostarget web --namespace shop --type merge --patch \'{"spec":{"mode":"Autoscale"}}\''
    assert command in done.stdout.splitlines()
    assert "1: watched for less than the time asked for (1 days; the longest has 6 hours)" in done.stdout
    assert "1: not scored yet" in done.stdout


def test_for_scripts_the_ranking_follows_the_objects(api: ApiServer, home: str) -> None:
    """In its order, and with what a person is shown."""
    api.store.put(helios_target("web"))
    with serve(lambda _: json_reply({"targets": [figures("web").model_dump()]})) as helios:
        done = called(home, "--url", helios.url, "--json", "--dry-run")
    row = json.loads(done.stdout.splitlines()[-1])
    assert (1, "web", "ready", 8, 10) == tuple(
        row[name] for name in ("rank", "target", "verdict", "minutes_short_saved", "replica_hours_saved")
    )


def test_so_many_days_as_wanted_are_asked_of_a_ledger(api: ApiServer, home: str) -> None:
    """And so many targets named as wanted."""
    api.store.put(helios_target("web"), helios_target("api"))
    found = [figures("web", days=0.25), figures("api", days=0.25)]
    with serve(lambda _: json_reply({"targets": [one.model_dump() for one in found]})) as helios:
        done = called(home, "--url", helios.url, "--least-days", "0.2", "--first", "1")
    assert "Switch this one on first, of 2 that are ready and 2 in all:" in done.stdout


def test_where_no_helios_answers_the_import_is_done_all_the_same(api: ApiServer, home: str) -> None:
    """And the way to the ledgers is said."""
    api.store.put(helios_target("web"))
    done = called(home)
    assert (0, {"web", "queue"}) == (done.exit_code, set(targets(api)))
    assert "not ranked: no Helios answers" in done.stderr
    assert "kubectl port-forward" in done.stderr


def test_a_new_cluster_is_not_bothered_with_ledgers(api: ApiServer, home: str) -> None:
    """There is nothing to rank before there is a target."""
    assert "not ranked" not in called(home).stderr

"""`helios release` as a user types it: what is said, what is written, how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from helios.cli import app
from helios.errors import ClusterForbidden, ClusterMissing, SettingsError
from helios.operator.clusters import Cluster
from helios.operator.releasers import Releaser
from helios.release_commands import carried_out
from tests.operator.adopted import HPAS, SCALED_OBJECTS, overwritten
from tests.operator.api_server import ApiServer
from tests.operator.objects import deployment, helios_target


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """A workload whose ScaledObject was adopted, and a HeliosTarget that observes."""
    with ApiServer() as server:
        server.store.put(deployment("web"), helios_target("web", mode="Autoscale"), helios_target("calm"))
        overwritten(server, owner=server.store.one("heliostargets", "web")["metadata"]["uid"])
        yield server


@pytest.fixture
def home(api: ApiServer, tmp_path: Path) -> str:
    """A kube config that leads there."""
    return str(api.kube_config(tmp_path))


@pytest.fixture
def releaser(api: ApiServer) -> Iterator[Releaser]:
    """One for which time passes at once."""
    now = [0.0]
    with Cluster.of(api.configuration(), seconds=2.0) as door:
        yield Releaser(door, lambda: now[0], lambda seconds: now.append(now.pop() + seconds))


def called(home: str, *arguments: str) -> Result:
    """Call the command line."""
    return CliRunner().invoke(app, ["release", *arguments], env={"KUBECONFIG": home, "COLUMNS": "200"})


def written(api: ApiServer) -> set[str]:
    """The verbs, but for reading."""
    return {one.verb for one in api.requests} - {"list", "get"}


@pytest.mark.parametrize("arguments", [(), ("web", "--all")], ids=["neither", "both"])
def test_who_does_not_say_what_is_told_so(home: str, arguments: tuple[str, ...]) -> None:
    """All of a cluster is not undone by a slip of the hand."""
    done = called(home, *arguments)
    assert isinstance(done.exception, SettingsError)
    assert "give one of NAME, for one HeliosTarget, and --all" == str(done.exception)


@pytest.mark.parametrize("arguments", [("--all",), ("web", "-n", "shop")], ids=["all", "one"])
def test_what_would_be_done_is_said_and_not_done(
    api: ApiServer, home: str, arguments: tuple[str, ...]
) -> None:
    """Exit code 0."""
    done = called(home, *arguments, "--dry-run")
    assert 0 == done.exit_code
    assert [
        "shop/web: mode Autoscale becomes Observe; ScaledObject web-so is given back as it was",
        "1 HeliosTarget to be released; nothing was written",
    ] == done.stdout.splitlines()
    assert set() == written(api)


def test_a_script_is_told_what_would_be_done(home: str) -> None:
    """One document."""
    assert [
        {
            "namespace": "shop",
            "name": "web",
            "would": "mode Autoscale becomes Observe; ScaledObject web-so is given back as it was",
        }
    ] == json.loads(called(home, "--all", "--dry-run", "--json").stdout)


def test_a_target_that_observes_needs_nothing(api: ApiServer, home: str) -> None:
    """Exit code 0; run it as often as you like."""
    done = called(home, "calm", "--namespace", "shop")
    assert (0, "0 HeliosTargets released\n") == (done.exit_code, done.stdout)
    assert set() == written(api)


def test_a_target_that_does_not_exist_is_named(home: str) -> None:
    """In its namespace, which is `default` where none is given."""
    done = called(home, "web")
    assert isinstance(done.exception, ClusterMissing)
    assert "there is no HeliosTarget default/web, and nothing that one has left behind" == str(done.exception)


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--json",)], ids=["release", "dry run", "json"])
def test_all_of_a_namespace_that_does_not_exist_is_no_success(home: str, more: tuple[str, ...]) -> None:
    """It is the first step of an uninstall: a slip of the hand must not let the second begin."""
    done = called(home, "--all", "--namespace", "shoop", *more)
    assert isinstance(done.exception, ClusterMissing)
    assert "there is no namespace 'shoop' in this cluster" in str(done.exception)


def test_an_empty_namespace_has_nothing_to_release(api: ApiServer, home: str) -> None:
    """Exit code 0: nothing is left."""
    api.store.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bank"}})
    done = called(home, "--all", "--namespace", "bank")
    assert (0, "0 HeliosTargets released\n", "") == (done.exit_code, done.stdout, done.stderr)


def test_who_may_not_look_up_a_namespace_is_told_to_check_its_name(api: ApiServer, home: str) -> None:
    """As the operator itself may not."""
    api.fail("namespaces", 403)
    done = called(home, "--all", "--namespace", "bank")
    assert (0, "0 HeliosTargets released\n") == (done.exit_code, done.stdout)
    assert done.stderr.startswith("nothing was found in namespace bank")


def test_who_may_not_list_is_told_the_right(api: ApiServer, home: str) -> None:
    """And who gives it; nothing can be done then."""
    api.fail("heliostargets", 403)
    done = called(home, "--all")
    assert isinstance(done.exception, ClusterForbidden)
    assert "docs/adopt.md shows a ClusterRole for import, doctor and release" in str(done.exception)


def test_who_may_not_write_is_told_the_right(api: ApiServer, home: str) -> None:
    """Once, and the others are released."""
    api.fail(SCALED_OBJECTS, 403, verb="update")
    done = called(home, "--all")
    assert 1 == done.exit_code
    assert "shop/web is not released: may not update scaledobjects" in done.stderr
    assert "docs/adopt.md shows a ClusterRole" in done.stderr


def test_what_was_released_is_said_one_line_each(
    releaser: Releaser, capsys: pytest.CaptureFixture[str]
) -> None:
    """And how far it is on the error stream."""
    assert not carried_out(releaser, None, None, json=False)
    told = capsys.readouterr()
    assert ["shop/web: ScaledObject web-so is as it was", "1 HeliosTarget released"] == told.out.splitlines()
    assert [
        "shop/web: ScaledObject web-so was put back: it is looked at once more",
        "shop/web: ScaledObject web-so is as it was",
    ] == told.err.splitlines()


def test_what_is_left_is_said_with_its_reason(
    api: ApiServer, releaser: Releaser, capsys: pytest.CaptureFixture[str]
) -> None:
    """And that there is something left."""
    api.fail(SCALED_OBJECTS, 422, verb="update", message="the webhook says no")
    assert carried_out(releaser, None, None, json=False)
    told = capsys.readouterr()
    assert "0 HeliosTargets released, 1 left: run it again" == told.out.strip()
    assert "shop/web is not released: the webhook says no" in told.err


def test_a_script_is_told_how_each_ended(
    api: ApiServer, releaser: Releaser, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the maximum that one was given so that no replica is cut."""
    api.store.put(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "keda-hpa-web-so", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}},
            "status": {"currentReplicas": 12},
        }
    )
    held = api.store.one(SCALED_OBJECTS, "web-so")
    api.store.put({**held, "status": {"hpaName": "keda-hpa-web-so"}})
    assert not carried_out(releaser, "shop", "web", json=True)
    assert [
        {
            "namespace": "shop",
            "name": "web",
            "released": True,
            "said": "ScaledObject web-so is as it was, but that its maximum is 12, so that no replica is cut",
            "raised": 12,
        }
    ] == json.loads(capsys.readouterr().out)
    assert [] != api.store.all(HPAS)

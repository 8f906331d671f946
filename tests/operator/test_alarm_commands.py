"""`helios mute`, `unmute` and `acknowledge` as a user types them: what is written, what is said, how they end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from helios.alarm_commands import ending
from helios.cli import app
from helios.errors import ClusterMissing, SettingsError
from helios.operator.annotations import asked, moment
from tests.operator.api_server import ApiServer
from tests.operator.objects import NOW, helios_target, stamp

ONSET = "2026-03-01T11:40:00Z"


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """An API server with a HeliosTarget."""
    with ApiServer() as server:
        server.store.put(helios_target("web"))
        yield server


@pytest.fixture
def home(api: ApiServer, tmp_path: Path) -> str:
    """A kube config that leads there."""
    return str(api.kube_config(tmp_path))


def called(home: str, *arguments: str) -> Result:
    """Call the command line."""
    return CliRunner().invoke(app, arguments, env={"KUBECONFIG": home, "COLUMNS": "200"})


def stands(api: ApiServer) -> dict[str, str]:
    """Of the target, as they stand at the API server."""
    found: dict[str, str] = api.store.one("heliostargets", "web")["metadata"].get("annotations", {})
    return found


def test_a_target_is_muted_for_a_while_and_unmuted(api: ApiServer, home: str) -> None:
    """One PATCH each, which leaves the spec and other annotations alone."""
    held = api.store.one("heliostargets", "web")
    held["metadata"]["annotations"] = {"team": "shop"}
    api.store.put(held)
    done = called(home, "mute", "web", "-n", "shop", "--for", "2h")
    until = stands(api)["helios.dev/muted-until"]
    assert 0 == done.exit_code
    assert f"shop/web raises no alarm until {until}" in done.stdout
    assert moment(until) is not None
    assert 0 == called(home, "unmute", "web", "-n", "shop").exit_code
    assert {"team": "shop"} == stands(api)
    assert 1 == api.store.one("heliostargets", "web")["metadata"]["generation"]
    assert {"patch"} == {one.verb for one in api.requests}


def test_a_mute_until_a_moment_is_that_moment(api: ApiServer, home: str) -> None:
    """However its offset is written; it stands in UTC."""
    end = datetime.now(timezone(timedelta(hours=1))).replace(microsecond=0) + timedelta(days=1)
    assert 0 == called(home, "mute", "web", "-n", "shop", "--until", end.isoformat()).exit_code
    assert stamp(end.timestamp()) == stands(api)["helios.dev/muted-until"]


def test_who_unmutes_a_target_that_its_spec_mutes_is_told(api: ApiServer, home: str) -> None:
    """The annotation goes, and the exit code says that this was not all."""
    api.store.put(helios_target("web", anomaly={"mutedUntil": "2999-01-01T00:00:00Z"}))
    done = called(home, "unmute", "web", "-n", "shop")
    assert 1 == done.exit_code
    assert "muted by its spec until 2999-01-01T00:00:00Z" in done.stderr


def abnormal(api: ApiServer, anomaly: dict[str, Any]) -> None:
    """The operator has said so."""
    api.store.put({**api.store.one("heliostargets", "web"), "status": {"anomaly": anomaly}})


def test_an_anomaly_is_acknowledged_by_its_onset(api: ApiServer, home: str) -> None:
    """Once; a second time nothing is written."""
    abnormal(api, {"severity": "critical", "since": ONSET})
    for _ in range(2):
        done = called(home, "acknowledge", "web", "-n", "shop")
        assert 0 == done.exit_code
        assert f"the anomaly since {ONSET} raises no alarm any more" in done.stdout
    assert {"helios.dev/acknowledged": ONSET} == stands(api)
    assert 1 == len(api.asked("patch", "heliostargets"))


@pytest.mark.parametrize(
    ("anomaly", "words"),
    [({}, "not known yet"), ({"severity": "normal"}, "severity: normal")],
    ids=["no status", "all is well"],
)
def test_where_nothing_is_abnormal_there_is_nothing_to_acknowledge(
    api: ApiServer, home: str, anomaly: dict[str, Any], words: str
) -> None:
    """Exit code 1, and what to do instead; nothing is written."""
    abnormal(api, anomaly)
    done = called(home, "acknowledge", "web", "-n", "shop")
    assert 1 == done.exit_code
    assert words in done.stderr
    assert "use helios mute" in done.stderr
    assert {} == stands(api)


@pytest.mark.parametrize(
    "command", [("mute", "--for", "2h"), ("unmute",), ("acknowledge",)], ids=lambda c: c[0]
)
def test_a_target_that_does_not_exist_is_named(home: str, command: tuple[str, ...]) -> None:
    """In the API server's words."""
    name, *options = command
    done = called(home, name, "absent", "-n", "shop", *options)
    assert isinstance(done.exception, ClusterMissing)
    assert "absent" in str(done.exception)


@pytest.mark.parametrize(
    ("span", "seconds"),
    [("30s", 30), ("90m", 5400), ("1h30m", 5400), ("2h", 7200), ("7d", 604_800), ("1w", 604_800)],
)
def test_a_while_is_written_as_people_write_it(span: str, seconds: float) -> None:
    """Seconds to weeks, and several together."""
    assert NOW + seconds == ending(span, None, NOW)


@pytest.mark.parametrize(
    ("span", "until", "words"),
    [
        pytest.param(None, None, "give one of --for", id="neither"),
        pytest.param("2h", ONSET, "give one of --for", id="both"),
        pytest.param("soon", None, "--for 'soon': is not a time such as", id="no span"),
        pytest.param("2", None, "is not a time such as", id="no unit"),
        pytest.param("0h", None, "is over already", id="no time at all"),
        pytest.param("53w", None, "more than a year", id="for ever"),
        pytest.param(None, "tomorrow", "--until 'tomorrow': is not a time", id="no moment"),
        pytest.param(None, "2026-03-01T12:30:00", "with its offset", id="a wall time"),
        pytest.param(None, ONSET, "is over already", id="the past"),
    ],
)
def test_what_is_no_mute_is_refused_by_name(span: str | None, until: str | None, words: str) -> None:
    """The option, its value, the remedy."""
    with pytest.raises(SettingsError, match=words):
        ending(span, until, NOW)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param("tomorrow", "'tomorrow' is not an RFC 3339 time", id="a word"),
        pytest.param("2026-03-01T12:00:00", "is not an RFC 3339 time", id="without an offset"),
        pytest.param("2026-02-31T12:00:00Z", "is not an RFC 3339 time", id="no day"),
        pytest.param(7200, "7200 is not an RFC 3339 time", id="a number"),
        pytest.param("9" * 500, "...", id="a long one is cut"),
    ],
)
def test_an_annotation_that_cannot_be_read_costs_only_itself(value: object, problem: str) -> None:
    """The other one counts; the name, the value and the remedy are told."""
    found = asked({"annotations": {"helios.dev/muted-until": value, "helios.dev/acknowledged": ONSET}})
    assert (None, moment(ONSET)) == (found.muted_until, found.acknowledged)
    (said,) = found.problems
    assert said.startswith("annotation helios.dev/muted-until = ")
    assert problem in said
    assert said.endswith("use helios mute")
    assert len(said) < 250


@pytest.mark.parametrize(
    "metadata", [{}, {"annotations": None}, {"annotations": "x"}, {"annotations": {"a": "b"}}]
)
def test_without_such_annotations_nothing_is_asked(metadata: dict[str, Any]) -> None:
    """Whatever else stands there."""
    assert (None, None, ()) == (
        asked(metadata).muted_until,
        asked(metadata).acknowledged,
        asked(metadata).problems,
    )


@pytest.mark.parametrize("value", ["2026-03-01T12:00:00Z", "2026-03-01t13:00:00.0+01:00"])
def test_an_annotation_is_read_in_every_form_of_the_standard(value: str) -> None:
    """Offsets, fractions and small letters."""
    assert NOW == moment(value)

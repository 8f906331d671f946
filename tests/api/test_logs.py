"""Logs: JSON in a pod, readable in a terminal, everything through one door."""

from __future__ import annotations

import io
import json
import logging
import warnings
from datetime import datetime
from typing import Any

import pytest
import structlog

from helios.logs import configure_logs

pytestmark = pytest.mark.usefixtures("logging_restored")


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    """The JSON lines written."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_pod_gets_one_json_object_per_line() -> None:
    """Where no terminal listens every record is a JSON object with time, level, logger and fields."""
    stream = io.StringIO()
    configure_logs("INFO", stream=stream)
    structlog.get_logger("helios.loop").info("cycle", targets=3)
    (record,) = records(stream)
    assert ("cycle", "info", "helios.loop", 3) == tuple(
        record[name] for name in ("event", "level", "logger", "targets")
    )
    assert datetime.fromisoformat(record["timestamp"]).tzinfo is not None


def test_a_terminal_gets_readable_lines() -> None:
    """In a terminal the same is a line for a person."""
    stream = Terminal()
    configure_logs("INFO", stream=stream)
    structlog.get_logger("helios.loop").info("cycle", targets=3)
    assert "cycle" in stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_libraries_go_through_the_same_door() -> None:
    """Uvicorn's records and Python's warnings become JSON as well, arguments filled in."""
    stream = io.StringIO()
    configure_logs("INFO", stream=stream)
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    first, second = records(stream)
    assert ("Started server process [7]", "uvicorn.error") == (first["event"], first["logger"])
    assert "DeprecationWarning" in second["event"]


@pytest.mark.parametrize("level", ["DEBUG", "WARNING"])
def test_retries_are_not_told_with_the_whole_address(level: str) -> None:
    """urllib3's warnings of retries, which hold queries and the user's parameters, are left out."""
    stream = io.StringIO()
    configure_logs(level, stream=stream)
    logging.getLogger("urllib3.connectionpool").warning("Retrying after /api/v1/query?token=secret")
    logging.getLogger("urllib3.connectionpool").error("something is wrong")
    assert ["something is wrong"] == [record["event"] for record in records(stream)]


@pytest.mark.parametrize(("level", "told"), [("INFO", ["broken"]), ("DEBUG", ["asked", "broken"])])
def test_requests_of_our_own_are_not_told_one_by_one(level: str, told: list[str]) -> None:
    """What httpx tells of each at INFO is left out, for a relay asks twice a second: only DEBUG shows it."""
    stream = io.StringIO()
    configure_logs(level, stream=stream)
    logging.getLogger("httpx").info("asked")
    logging.getLogger("httpx").warning("broken")
    assert told == [record["event"] for record in records(stream)]


def test_an_exception_is_one_line_with_its_traceback() -> None:
    """A traceback does not break the lines apart."""
    stream = io.StringIO()
    configure_logs("INFO", stream=stream)
    try:
        int("broken")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    (record,) = records(stream)
    assert "ValueError: invalid literal" in record["exception"]


@pytest.mark.parametrize(("level", "wanted"), [("warning", ["b"]), ("DEBUG", ["c", "a", "b"])])
def test_the_level_is_chosen_by_name(level: str, wanted: list[str]) -> None:
    """Records below the level are left out, in either spelling."""
    stream = io.StringIO()
    configure_logs(level, stream=stream)
    structlog.get_logger("x").debug("c")
    logging.getLogger("y").info("a")
    structlog.get_logger("x").warning("b")
    assert wanted == [record["event"] for record in records(stream)]


def test_configuring_twice_does_not_double_the_lines() -> None:
    """The last call wins."""
    first, second = io.StringIO(), io.StringIO()
    configure_logs("INFO", stream=first)
    configure_logs("INFO", stream=second)
    logging.getLogger("uvicorn").info("once")
    assert ("", 1) == (first.getvalue(), len(records(second)))


def test_an_unknown_level_is_refused() -> None:
    """The error names the value and the choices."""
    with pytest.raises(ValueError, match=r"'LOUD': must be one of DEBUG, INFO"):
        configure_logs("LOUD")

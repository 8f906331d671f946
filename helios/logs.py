"""Logging: JSON lines in a pod, readable lines in a terminal, uvicorn's and every library's through the same door."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def configure_logs(level: str = "INFO", *, stream: TextIO | None = None, json: bool | None = None) -> None:
    """Send all logging to one stream. Calling it again replaces what was set up.

    Args:
        level: one of `LEVELS`, in either case.
        stream: where to; standard error if None.
        json: JSON lines or readable ones; by default JSON unless the stream is a terminal.

    Raises:
        ValueError: if there is no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if level.upper() not in LEVELS or number is None:
        raise ValueError(f"log level {level!r}: must be one of {', '.join(LEVELS)}")
    out = sys.stderr if stream is None else stream
    shared = _shared_processors()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    as_json = not out.isatty() if json is None else json
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(shared, json=as_json))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers = []
        # a person is told the address by the command itself; uvicorn's start-up lines would only push it away
        library.setLevel(logging.NOTSET if as_json or number <= logging.DEBUG else logging.WARNING)
        library.propagate = True
    # it tells of every request, and a relay asks twice a second
    logging.getLogger("httpx").setLevel(logging.NOTSET if number <= logging.DEBUG else logging.WARNING)
    # its retry warnings quote the whole address, with the user's own parameters; our errors say what failed
    logging.getLogger("urllib3").setLevel(max(number, logging.ERROR))
    # a line for every object of every event says nothing that a fleet's operator wants to read
    logging.getLogger("kopf.objects").setLevel(max(number, logging.WARNING))
    logging.captureWarnings(capture=True)


def _shared_processors() -> list[Any]:
    """What every record goes through, ours or a library's."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ExtraAdder(allow=()),
    ]


def _formatter(shared: list[Any], *, json: bool) -> structlog.stdlib.ProcessorFormatter:
    """The last step: one JSON object or one readable line per record."""
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if json
        else [structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )

"""GET /events: tells a page that a new cycle is there. It carries no data but the cycle's number.

It ends with the client, and with the server: `closing` is set before the server waits for open connections, so that
Ctrl-C never hangs on a page left open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from helios.api.contexts import Context
from helios.api.problems import responses

MEDIA_TYPE = "text/event-stream"
_DESCRIPTION = (
    '`event: cycle` with `data: {"cycle": n}` at once and whenever a cycle has been posted; `event: faults` with '
    '`data: {"faults": n}` when what the last cycle could not do has changed since'
)


def event_routes(context: Context) -> APIRouter:
    """/events."""
    router = APIRouter(tags=["targets"])

    @router.get(
        "/events",
        response_class=StreamingResponse,
        responses={
            200: {"description": _DESCRIPTION, "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}},
            **responses(),
        },
    )
    async def events() -> StreamingResponse:
        """Stream an event for every cycle (Server-Sent Events)."""
        return StreamingResponse(
            stream(context), media_type=MEDIA_TYPE, headers={"cache-control": "no-store"}
        )

    return router


async def stream(context: Context) -> AsyncIterator[str]:
    """The number of the latest cycle, then each new one; a comment now and then, to keep the line open."""
    settings = context.settings
    told, faults, quiet = None, dict(context.live.faults()), 0.0
    yield "retry: 2000\n\n"
    while not context.closing.is_set():
        cycle = context.live.cycles()
        if cycle != told:
            told, faults, quiet = cycle, dict(context.live.faults()), 0.0
            yield f'event: cycle\ndata: {{"cycle": {cycle}}}\n\n'
        elif faults != (faults := dict(context.live.faults())):  # a failing cycle may post nothing new
            quiet = 0.0
            yield f'event: faults\ndata: {{"faults": {len(faults)}}}\n\n'
        elif quiet >= settings.event_heartbeat_seconds:
            quiet = 0.0
            yield ": still here\n\n"
        if await closes_within(context.closing, settings.event_poll_seconds):
            return
        quiet += settings.event_poll_seconds


async def closes_within(closing: asyncio.Event, seconds: float) -> bool:
    """Wait for the server's closing, but no longer than `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await closing.wait()
    except TimeoutError:
        return False

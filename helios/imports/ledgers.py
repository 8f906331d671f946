"""The door to a running Helios: the figures of its targets, asked of `helios serve` once.

An import needs none of it, so whatever goes wrong is one sentence that says how to get there.
"""

from __future__ import annotations

import httpx
from pydantic import ValidationError

from helios.errors import HeliosError
from helios.imports.rankings import FleetFigures, TargetFigures

LOCAL = "http://127.0.0.1:8080"
FORWARD = "kubectl port-forward --namespace helios service/helios-inference 8080"
_MOST_BYTES = 512 * 2**20
_SECONDS = 60.0
_CONNECT_SECONDS = 5.0


class LedgersAwayError(HeliosError):
    """No figures are to be had; the message says where they were looked for, and how to get them."""


def figures(url: str) -> tuple[TargetFigures, ...]:
    """What `GET /targets` of `helios serve` says.

    Args:
        url: its address, with or without a path.

    Raises:
        LedgersAwayError: it does not answer, or is not Helios.
    """
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise LedgersAwayError(f"{url} is no address ({error}): give one such as {LOCAL}") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise LedgersAwayError(f"{url} is no address: give one such as {LOCAL}")
    shown = address.copy_with(username=None, password=None)
    try:
        return FleetFigures.model_validate_json(_fetched(address)).targets
    except httpx.HTTPError as error:
        raise LedgersAwayError(
            f"no Helios answers at {shown} ({error}): run {FORWARD}, then helios import again, or give its --url"
        ) from error
    except ValidationError as error:
        raise LedgersAwayError(
            f"who answers at {shown} is no Helios of this version: give the address of helios serve as --url"
        ) from error


def _fetched(address: httpx.URL) -> bytes:
    """The body, whole and not endless.

    Raises:
        httpx.HTTPError: there is none.
    """
    timeout = httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS)
    base = address.copy_with(path=f"{address.path.rstrip('/')}/targets", query=None, fragment=None)
    # nothing lies between this machine and itself
    own = address.host in ("localhost", "127.0.0.1", "::1")
    with httpx.Client(timeout=timeout, trust_env=not own) as client, client.stream("GET", base) as answer:
        answer.raise_for_status()
        pieces, size = [], 0
        for piece in answer.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > _MOST_BYTES:
                raise httpx.DecodingError(f"more than {_MOST_BYTES >> 20} MiB", request=answer.request)
        return b"".join(pieces)

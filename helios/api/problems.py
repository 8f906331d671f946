"""Every error as a problem detail (RFC 9457), naming field, value and remedy."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

MEDIA_TYPE = "application/problem+json"
LEVELS = 2
"""So deep are the bodies of all questions: an object of objects."""
_LONGEST = 100


class FieldError(BaseModel):
    """One thing wrong with a request."""

    field: str = Field(
        description="where, as in `metrics.cpu_utilization`", examples=["metrics.cpu_utilization"]
    )
    value: str | None = Field(
        description="what was sent, shortened; null if it is missing", examples=['"high"']
    )
    remedy: str = Field(description="what to do", examples=["must be a valid number"])


class ProblemDetail(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=['metrics.cpu_utilization: "high": must be a valid number'])
    instance: str = Field(examples=["/predict"])
    errors: list[FieldError] = []


class Problem(HTTPException):
    """An answer that is a problem; raised by routes, rendered by `install`.

    Args:
        status: the HTTP status.
        detail: what is wrong and what to do.
        errors: field by field.
        headers: to send along.
        extra: further members of the problem, as RFC 9457 allows.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.errors = tuple(errors)
        self.extra = dict(extra or {})


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for these statuses; 500 is always among them."""
    schema = {"$ref": f"#/components/schemas/{ProblemDetail.__name__}"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in (*statuses, 500)
    }


def install(app: FastAPI) -> None:
    """Let every error of the app leave as a problem detail."""
    app.add_exception_handler(StarletteHTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Exception, _on_crash)


def render(request: Request, problem: Problem) -> Response:
    """The response of a problem."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": clean(problem.detail),
        "instance": clean(request.url.path),
        "errors": [error.model_dump() for error in problem.errors],
    }
    body = orjson.dumps(content | cleaned(problem.extra))
    return Response(body, problem.status_code, media_type=MEDIA_TYPE, headers=problem.headers)


def clean(text: str) -> str:
    """A text that UTF-8 can hold: half a surrogate pair, which JSON can send, is written as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def cleaned(value: Any) -> Any:
    """The same for every text in a JSON value."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): cleaned(item) for key, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list | tuple) else value


async def _on_http(request: Request, error: Exception) -> Response:
    """A problem as raised; or what the framework raised, with a remedy where there is one."""
    if isinstance(error, Problem):
        return render(request, error)
    if not isinstance(error, StarletteHTTPException):
        raise error
    details = {
        400: f"the body could not be read as JSON: {unreadable(error.__cause__)}",
        404: f"there is nothing at {request.url.path}"
        + ("; /docs lists what there is" if request.app.openapi_url else ""),
        405: f"{request.method} is not allowed here",
    }
    detail = details.get(error.status_code, str(error.detail))
    if error.headers and "allow" in {name.lower() for name in error.headers}:
        detail += f"; allowed: {' '.join(error.headers.values())}"
    return render(request, Problem(error.status_code, detail, headers=error.headers))


async def _on_crash(request: Request, _error: Exception) -> Response:
    """A fault of ours; the server logs it with its traceback, and closes the connection after it."""
    detail = "Helios failed to answer; its log says why. Please report it"
    return render(request, Problem(500, detail, headers={"Connection": "close"}))


async def _on_invalid(request: Request, error: Exception) -> Response:
    """A request that does not fit its schema: 415 if it is not even JSON, else 422 field by field."""
    if not isinstance(error, RequestValidationError):
        raise error
    kind = request.headers.get("content-type", "")
    if isinstance(error.body, bytes) and "json" not in kind:
        sent = f"the body is {kind!r}" if kind else "the body has no content type"
        return render(request, Problem(415, f"{sent}: send it with `Content-Type: application/json`"))
    known = known_names(request)
    errors = [explain(item, known) for item in error.errors()]
    first = errors[0]
    shown = "" if first.value is None else f" {first.value}:"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return render(request, Problem(422, f"{first.field}:{shown} {first.remedy}{more}", errors=errors))


def explain(item: Mapping[str, Any], known: Mapping[tuple[str, ...], Sequence[str]]) -> FieldError:
    """One error of pydantic's as field, value and remedy.

    Args:
        item: as in `ValidationError.errors()`.
        known: the names that are known at each place of the body.
    """
    where = tuple(clean(str(part)) for part in item["loc"])
    path = where[1:] if where[0] in {"body", "query", "path"} else where
    kind, value = item["type"], item.get("input")
    field = ".".join(path) or where[0]
    if kind == "missing":
        return FieldError(field=field, value=None, remedy="is required: add it")
    if kind == "json_invalid":
        reason = item.get("ctx", {}).get("error", "it cannot be parsed")
        return FieldError(
            field="body", value=None, remedy=clean(f"must be valid JSON: {reason} at character {field}")
        )
    remedy = clean(str(item["msg"]).removeprefix("Value error, ").replace("Input should", "must", 1))
    for theirs, ours in _WORDS.items():
        remedy = remedy.replace(theirs, ours)
    if kind == "extra_forbidden":
        names = ", ".join(known.get(path[:-1], ()))
        remedy = "is not known here: remove it" + (f"; known: {names}" if names else "")
    shown = None if kind == "value_error" else shorten(value)  # then it is about the whole body
    return FieldError(field=field, value=shown, remedy=remedy)


_WORDS = {
    "a valid dictionary or object to extract fields from": "a JSON object",
    "a valid dictionary": "a JSON object",
    "valid tuple": "list",
    "valid list": "list",
    "unable to parse raw data as a unicode string": "of whole characters: half a surrogate pair is none",
}
"""pydantic's words for Python's types, and JSON's for the same."""


def unreadable(cause: BaseException | None) -> str:
    """Why a body cannot be read as JSON, and what to do."""
    if isinstance(cause, RecursionError):
        return f"it is nested too deeply; no body has more than {LEVELS} levels"
    if isinstance(cause, UnicodeDecodeError):
        return "it is not UTF-8: send one JSON object in UTF-8"
    if isinstance(cause, ValueError) and "digits" in str(cause):
        return f"it holds a number of more than {sys.get_int_max_str_digits()} digits; send fewer"
    return "send one JSON object"


def shorten(value: Any) -> str:
    """A value as JSON writes it, cut to a readable length."""
    try:
        text = clean(json.dumps(value, default=str, ensure_ascii=False))
    except ValueError:  # an integer of more than 4,300 digits
        text = "a number of thousands of digits"
    except RecursionError:
        text = "a value nested hundreds of levels deep"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def known_names(request: Request) -> dict[tuple[str, ...], list[str]]:
    """The names that the route's body knows, at the top and one level down."""
    field = getattr(request.scope.get("route"), "body_field", None)
    model = getattr(getattr(field, "field_info", None), "annotation", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return {}
    names: dict[tuple[str, ...], list[str]] = {(): list(model.model_fields)}
    for name, info in model.model_fields.items():
        inner = next(
            (part for part in (info.annotation, *_arguments(info.annotation)) if _is_model(part)), None
        )
        if inner is not None:
            names[name,] = list(inner.model_fields)
    return names


def _arguments(annotation: Any) -> tuple[Any, ...]:
    return tuple(getattr(annotation, "__args__", ()))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)

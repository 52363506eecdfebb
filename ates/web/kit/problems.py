"""Errors as RFC 9457 `application/problem+json`: a stable `code` for programs, a sentence for people."""

from __future__ import annotations

import json
from http import HTTPStatus

from aiohttp import web
from aiohttp.http import HttpProcessingError

from ates.domain.errors import AtesError
from ates.web.kit.statuses import Failure, status_of

RETRY_AFTER_SECONDS = 2

# What an error's context may show to the client; the rest of it is for the log.
_PUBLIC = ("errors", "command_id", "challenge")

_HTTP_CODES = {413: "too_large"}
_HTTP_DETAILS = {404: "There is nothing at this address.", 413: "The request is too large."}


def from_exception(error: Exception) -> AtesError:
    """The error of ours that stands for `error`; a surprise becomes `internal_error`, telling nothing of it."""
    if isinstance(error, AtesError):
        return error
    if isinstance(error, web.HTTPException):
        status = HTTPStatus(error.status)
        code = _HTTP_CODES.get(error.status, status.phrase.lower().replace(" ", "_").replace("-", "_"))
        return Failure(error.status, code, _HTTP_DETAILS.get(error.status, status.description or status.phrase))
    if isinstance(error, HttpProcessingError | web.RequestPayloadError):  # of a body that is read: what is broken
        return Failure(400, "body_malformed", "The body is not what its headers say that it is.")
    return Failure(500, "internal_error", "Something broke on our side. It has been logged.")


def body(error: AtesError, *, instance: str, request_id: str) -> dict[str, object]:
    """The problem document of `error`."""
    status = status_of(error)
    shown = {name: error.context[name] for name in _PUBLIC if name in error.context}
    if "field" in error.context:
        shown["errors"] = [{"field": error.context["field"], "code": error.code, "detail": error.detail}]
    return {
        "type": f"urn:ates:problem:{error.code}",
        "title": title(status),
        "status": status,
        "code": error.code,
        "detail": error.detail,
        "instance": instance,
        "request_id": request_id,
        **shown,
    }


def response(error: AtesError, *, instance: str, request_id: str) -> web.Response:
    """`error` as an HTTP response, with `Retry-After` (seconds) where trying again makes sense."""
    return web.Response(
        status=status_of(error),
        text=json.dumps(body(error, instance=instance, request_id=request_id)),
        content_type="application/problem+json",
        headers=headers(error),
    )


def headers(error: AtesError) -> dict[str, str]:
    """Headers that belong to `error`, whatever its body. `retry_after` in its context says after how many seconds."""
    seconds = error.context.get("retry_after", RETRY_AFTER_SECONDS if status_of(error) == 503 else None)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def title(status: int) -> str:
    """The HTTP phrase of `status`, such as `Not Found`."""
    return HTTPStatus(status).phrase

"""What clients send, taken apart and checked at the edge; every refusal names the field."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from ates.domain.errors import Unprocessable

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
DEFAULT_WAIT_SECONDS = 2.0
MAX_WAIT_SECONDS = 30.0
MAX_KEY_LENGTH = 255
MAX_SAID_LENGTH = 200
MAX_NUMBER = 2**31 - 1

# Postgres cannot hold the first, UTF-8 not the others: header bytes that are not UTF-8, and halves of a pair in JSON.
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_WAIT = re.compile(r"\s*wait\s*=\s*\"?(\d{1,9})\"?\s*", re.IGNORECASE)


def invalid(field: str, code: str, detail: str) -> Unprocessable:
    """One field is wrong. `code` is stable, `detail` one sentence for people."""
    return all_invalid([{"field": field, "code": code, "detail": detail}])


def all_invalid(errors: list[dict[str, str]]) -> Unprocessable:
    """Several fields are wrong, each with `field`, `code` and `detail`."""
    return Unprocessable("invalid_input", " ".join(error["detail"] for error in errors), errors=errors)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let no request through whose path or query holds what is not text: behind this, each of their values is.

    Raises `HTTPNotFound` for the path, `Unprocessable` naming the parameter.
    """
    if not is_text(request.path) or not all(map(is_text, request.match_info.values())):
        raise web.HTTPNotFound
    for name, value in request.query.items():
        _require_text(name, value)
    return await handler(request)


def is_text(value: str) -> bool:
    """Whether UTF-8 and Postgres can hold `value`."""
    return not _NOT_TEXT.search(value)


def _require_text(field: str, value: object) -> None:
    """Raises `Unprocessable` when `value`, of JSON or a form, holds what is not text, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _require_text(field, name)
            _require_text(field, inner)
    elif isinstance(value, list):
        for inner in value:
            _require_text(field, inner)
    elif isinstance(field, str) and not is_text(field):
        raise invalid("body", "not_text", "The name of a field is not text.")
    elif isinstance(value, str) and not is_text(value):
        raise invalid(field, "not_text", f"{field} holds a character that is not text.")


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


async def json_object(request: web.Request) -> dict[str, Any]:
    """The request's body, a JSON object; an empty body is an empty one. Raises `Unprocessable`."""
    raw = await request.read()
    try:
        value = json.loads(raw, parse_constant=_no_number) if raw.strip() else {}
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, nested too deep
        raise Unprocessable("json_malformed", "The body is not JSON.") from error
    if not isinstance(value, dict):
        raise Unprocessable("json_malformed", "The body must be a JSON object.")
    for name, inner in value.items():
        _require_text(name, inner)
    return value


async def form(request: web.Request) -> Mapping[str, Any]:
    """The fields of the form in the body. Raises `Unprocessable` `form_malformed`."""
    try:
        sent = await request.post()
    except (ValueError, LookupError, RuntimeError, AssertionError) as error:
        # A charset that the bytes are not in or that nobody knows; parts in an encoding that nobody knows, or cut off.
        raise Unprocessable("form_malformed", "The body is not a form.") from error
    for name, value in sent.items():
        _require_text(name, value)
    return sent


def text(body: Mapping[str, Any], field: str, default: str | None = None) -> str:
    """A text field; `default` when it is absent or null, which without a default is refused."""
    value = body.get(field)
    if value is None:
        if default is None:
            raise invalid(field, "required", f"{field} is required.")
        return default
    if not isinstance(value, str):
        raise invalid(field, "not_text", f"{field} must be a text.")
    return value


def header(request: web.Request, name: str) -> str:
    """A header that says something to a program; empty when there is none. Raises `Unprocessable`."""
    value: str = request.headers.get(name, "")
    _require_text(name, value)
    return value


def said(request: web.Request, name: str) -> str:
    """A header that says something to people, such as `User-Agent`: its printable part, never refused."""
    value: str = request.headers.get(name, "")[: 2 * MAX_SAID_LENGTH]
    return "".join(filter(str.isprintable, value))[:MAX_SAID_LENGTH]


def idempotency_key(request: web.Request) -> str | None:
    """The `Idempotency-Key` header, if there is one. Raises `Unprocessable`."""
    key = header(request, "Idempotency-Key")
    if len(key) > MAX_KEY_LENGTH:
        raise invalid("Idempotency-Key", "too_long", f"Idempotency-Key has at most {MAX_KEY_LENGTH} characters.")
    return key or None


def number(value: str, field: str, most: int = MAX_NUMBER) -> int:
    """A whole number from 0 to `most`, written in ASCII digits. Raises `Unprocessable`."""
    if not re.fullmatch(r"[0-9]{1,19}", value) or int(value) > most:
        raise invalid(field, "not_a_number", f"{field} is a number from 0 to {most}.")
    return int(value)


def wait_seconds(request: web.Request) -> float:
    """How long the client wants to wait for its command's outcome (`Prefer: wait=N`)."""
    for preference in ",".join(request.headers.getall("Prefer", [])).replace(";", ",").split(","):
        if match := _WAIT.fullmatch(preference):
            return min(float(match[1]), MAX_WAIT_SECONDS)
    return DEFAULT_WAIT_SECONDS


def limit(request: web.Request) -> int:
    """How many items the client wants in a page; more than MAX_LIMIT gives MAX_LIMIT."""
    given = request.query.get("limit", "")
    if not given:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,9}", given) or int(given) < 1:
        raise invalid("limit", "not_a_number", f"limit is a number from 1 to {MAX_LIMIT}.")
    return min(int(given), MAX_LIMIT)


def choice(request: web.Request, field: str, allowed: Iterable[str], default: str = "") -> str:
    """A query parameter that is one of `allowed`."""
    allowed = tuple(allowed)
    value = request.query.get(field) or default
    if value and value not in allowed:
        raise invalid(field, "not_allowed", f"{field} is one of {', '.join(allowed)}.")
    return value


def identifier(value: str) -> str | None:
    """`value` as a UUID in its one spelling; None when it is none."""
    try:
        return str(uuid.UUID(value)) if len(value) == 36 else None
    except ValueError:
        return None


def optional_id(request: web.Request, field: str) -> str | None:
    """A query parameter that is a UUID."""
    value = request.query.get(field)
    if not value:
        return None
    if (found := identifier(value)) is None:
        raise invalid(field, "not_an_id", f"{field} is a UUID.")
    return found


def day(value: str, field: str) -> date:
    """A date as `2026-11-23`."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise ValueError
        found = date.fromisoformat(value)
        if not 1000 <= found.year <= 9000:  # a year further at either end is not a date any more
            raise ValueError
        return found
    except ValueError:
        raise invalid(field, "not_a_date", f"{field} is a date such as 2026-11-23.") from None


def optional_day(request: web.Request, field: str) -> date | None:
    """A query parameter that is a date; None when it is not there."""
    value = request.query.get(field)
    return day(value, field) if value else None


def rfc3339(moment: datetime) -> str:
    """A time as the API writes it: UTC, milliseconds, `2026-11-23T14:03:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Where a page of a list ends, as an opaque text for the client to hand back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from ates.domain.errors import Unprocessable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next` is the cursor of the page after this one; None on the last."""

    items: list[T]
    next: str | None


def encode(position: Sequence[str | int | datetime]) -> str:
    """`position`, the sort key of a page's last row, as URL-safe text."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in position]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def decode(cursor: str | None, *types: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The sort key in `cursor`, its parts made by `types`; as many Nones for the first page.

    Raises `Unprocessable` `cursor_malformed`.
    """
    if not cursor:
        return (None,) * len(types)
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = json.loads(raw)
        return tuple(make(part) for make, part in zip(types, parts, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Unprocessable("cursor_malformed", "This cursor is not one that we gave out.") from error


def moment(text: str) -> datetime:
    """A cursor's time. Raises `ValueError` when it is none or has no zone."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None or not 1000 <= value.year <= 9000:
        raise ValueError("no time zone, or out of range")
    return value


def number(value: int) -> int:
    """A cursor's number. Raises `ValueError` when Postgres could not hold it."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ValueError("not a bigint")
    return value


def text(value: str) -> str:
    """A cursor's text. Raises `ValueError` when Postgres could not hold it."""
    if "\0" in value:
        raise ValueError("holds a zero character")
    value.encode()
    return value


def page(rows: Sequence[T], limit: int, position: Callable[[T], Sequence[str | int | datetime]]) -> Page[T]:
    """The first `limit` of `rows`; one row more than that says that there is a next page."""
    items = list(rows[:limit])
    return Page(items, encode(position(items[-1])) if len(rows) > limit else None)

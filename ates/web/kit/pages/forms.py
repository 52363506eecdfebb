"""Plain HTML forms: read once, and sent once however often the button is pressed."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from ates.domain.errors import AtesError, Unavailable
from ates.web.kit import inputs

KEY = "form_key"
_Read = TypeVar("_Read")


def new_key() -> str:
    """An idempotency key for a form about to be shown."""
    return secrets.token_urlsafe(16)


async def fields(request: web.Request) -> dict[str, str]:
    """The text fields of the form in the body."""
    return {name: value for name, value in (await inputs.form(request)).items() if isinstance(value, str)}


def key_of(sent: dict[str, str]) -> str | None:
    """The key that the form was shown with."""
    return sent.get(KEY, "")[: inputs.MAX_KEY_LENGTH] or None


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed and what is wrong with it, by field; what belongs to no field is in `problem`."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    key: str = field(default_factory=new_key)

    @classmethod
    def refused(cls, values: dict[str, str], error: AtesError) -> Form:
        """The form again, with what was typed and why it was refused.

        What could not be sent keeps its key, because it may arrive all the same; a refusal is final, so the next
        try is another command.
        """
        errors = {each["field"]: each["detail"] for each in _errors(error)}
        again = key_of(values) if isinstance(error, Unavailable) else None
        return cls(values, errors, "" if errors else error.detail, again or new_key())

    def value(self, name: str) -> str:
        """What was typed into `name`."""
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        """What is wrong with `name`; empty when nothing is."""
        return self.errors.get(name, "")

    @property
    def status(self) -> int:
        """The HTTP status of the page with this form."""
        return 422 if self.errors or self.problem else 200


def filters(request: web.Request, read: Callable[[web.Request], _Read], otherwise: _Read) -> tuple[_Read, Form]:
    """The filters that `read` finds in the URL, and the form that shows them again. A filter that makes no sense:
    `otherwise`, and the form says what is wrong. Errors that name no field pass."""
    typed = dict(request.query)
    try:
        return read(request), Form(typed)
    except AtesError as error:
        return otherwise, refused_filters(request, error)


def refused_filters(request: web.Request, error: AtesError) -> Form:
    """The filters of the URL with what is wrong with them. Raises `error` when it names no field."""
    form = Form.refused(dict(request.query), error)
    if not form.errors or form.errors.keys() & {"cursor", "_next"}:
        raise error
    return form


def _errors(error: AtesError) -> list[dict[str, str]]:
    found, name = error.context.get("errors"), error.context.get("field")
    if isinstance(name, str):
        return [{"field": name, "detail": error.detail}]
    return found if isinstance(found, list) else []

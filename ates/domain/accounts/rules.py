"""Rules for the fields of an account. No I/O: each rule looks at one value and nothing else."""

import re
from dataclasses import dataclass

from ates.domain import texts
from ates.domain.accounts.permissions import ROLES

LOGIN_LENGTH_MAX = 64
NAME_LENGTH_MAX = 100
EMAIL_LENGTH_MAX = 254
PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 8, 256

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # of a surrogate pair: JSON can spell it, UTF-8 cannot
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """`field` is wrong; `code` is stable, `detail` one sentence for people."""

    field: str
    code: str
    detail: str


def problems(fields: dict[str, object]) -> list[Problem]:
    """Faults of the given `fields` of an account, each checked by the rule of its name; none is fine."""
    found = (_RULES[field](value) for field, value in fields.items() if field in _RULES)
    return [problem for problem in found if problem is not None]


def _login(value: object) -> Problem | None:
    if isinstance(value, str) and len(value) <= LOGIN_LENGTH_MAX and _LOGIN.fullmatch(value):
        return None
    return Problem(
        "login",
        "login_malformed",
        f"A login has 1 to {LOGIN_LENGTH_MAX} letters, digits or . _ @ + -, and begins with a letter or digit.",
    )


def _name(value: object) -> Problem | None:
    fine = isinstance(value, str) and 0 < len(value.strip()) <= NAME_LENGTH_MAX and value.isprintable()
    if fine and not texts.is_blank(str(value)) and not texts.is_encoded(str(value)):
        return None
    return Problem(
        "name",
        "name_malformed",
        f"A name has 1 to {NAME_LENGTH_MAX} printable characters, some of them visible; no =?.",
    )


def _email(value: object) -> Problem | None:
    fine = isinstance(value, str) and len(value) <= EMAIL_LENGTH_MAX and value.isprintable()
    if fine and _EMAIL.fullmatch(str(value)) and not texts.is_encoded(str(value)):
        return None
    return Problem("email", "email_malformed", "An email address looks like polly@example.com.")


def _role(value: object) -> Problem | None:
    if value in ROLES:
        return None
    return Problem("role", "role_unknown", f"A role is one of {', '.join(ROLES)}.")


def _active(value: object) -> Problem | None:
    return None if isinstance(value, bool) else Problem("active", "not_boolean", "active is true or false.")


def _password(value: object) -> Problem | None:
    fine = isinstance(value, str) and PASSWORD_LENGTH_MIN <= len(value) <= PASSWORD_LENGTH_MAX
    if fine and not _HALF_CHARACTER.search(str(value)):
        return None
    return Problem(
        "password",
        "password_length",
        f"A password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters.",
    )


_RULES = {
    "login": _login,
    "name": _name,
    "email": _email,
    "role": _role,
    "active": _active,
    "password": _password,
}

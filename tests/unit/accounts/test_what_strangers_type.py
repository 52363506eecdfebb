"""Texts that look like others, addresses that nobody can mail to, passwords that everybody tries."""

from __future__ import annotations

import pytest

from ates.domain import texts
from ates.domain.errors import Unprocessable
from ates.web.auth import accounts

GOOD = {
    "login": "polly",
    "name": "Polly P.",
    "email": "polly@example.com",
    "role": "worker",
    "password": "wants a cracker",
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", name) for name in ("=?utf-8?Q?=0d=0aBcc:_x@y.example?=", "\u3164", "\u2800\u2800", "a\u202eb")),
        *(("email", address) for address in ("<a@example.com>", "a@example..com", "a@b", "a@example.com.", ".a@b.cc")),
        *(("email", address) for address in ("=?utf-8?Q?a?=@example.com", "a@-b.com", "a@b.com,c@d.com", "a @b.com")),
        *(
            ("password", common)
            for common in ("password", "12345678", "Password1", "qwertyuiop", "P@ssw0rd", "iloveyou")
        ),
        *(("password", own) for own in ("pollypolly", "Polly P.", "polly@example.com", "polly123")),
    ],
)
def test_it_is_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        accounts.check({**GOOD, field: value})
    assert [error["field"] for error in refused.value.context["errors"]] == [field]  # type: ignore[attr-defined]


def test_a_proper_account_and_the_demos_addresses_are_taken() -> None:
    accounts.check(GOOD)
    accounts.check({**GOOD, "email": "rita@uberpopug.example", "name": "Рита-María O’Neil"})


def test_an_admins_new_password_is_not_the_owners_login() -> None:
    with pytest.raises(Unprocessable):
        accounts.check({"password": "pollypolly"}, {"login": "polly"})


def test_a_line_of_a_log_stays_one_line_and_moves_no_cursor() -> None:
    assert texts.printable("a\x1b[2Jb\u202ec\rd") == "a\\x1b[2Jb\\u202ec\\rd"

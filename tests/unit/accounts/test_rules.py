"""What an account may look like, and who may do what."""

from __future__ import annotations

import pytest

from ates.domain.accounts.permissions import ADMIN, HOME, MANAGER, PERMISSIONS, ROLES, allowed
from ates.domain.accounts.rules import problems

GOOD = {
    "login": "polly.p",
    "name": "Полли П.",
    "email": "polly@example.com",
    "role": "worker",
    "active": True,
    "password": "wants a cracker",
}


def test_a_proper_account_breaks_no_rule() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login", ""),
        ("login", "two words"),
        ("login", "-dash"),
        ("login", "x" * 65),
        ("login", None),
        ("name", "   "),
        ("name", "new\nline"),
        ("name", "x" * 101),
        ("name", "\ud800"),
        ("email", "nowhere"),
        ("email", "a b@c"),
        ("email", "x" * 250 + "@y.zz"),
        ("role", "pirate"),
        ("role", ["admin"]),
        ("active", "yes"),
        ("password", "short"),
        ("password", "x" * 257),
        ("password", "half \ud800 a character"),
    ],
)
def test_a_broken_rule_names_its_field(field: str, value: object) -> None:
    assert [problem.field for problem in problems({**GOOD, field: value})] == [field]


def test_every_role_has_a_home_and_an_unknown_one_may_nothing() -> None:
    assert set(HOME) == set(ROLES)
    assert not any(allowed("pirate", action) for action in PERMISSIONS)


def test_an_admin_may_everything_and_only_bosses_assign() -> None:
    assert all(allowed(ADMIN, action) for action in PERMISSIONS)
    assert [role for role in ROLES if allowed(role, "tasks.assign")] == [MANAGER, ADMIN]


def test_an_action_that_is_not_in_the_table_is_a_mistake_and_not_a_refusal() -> None:
    with pytest.raises(KeyError):
        allowed(ADMIN, "tasks.juggle")

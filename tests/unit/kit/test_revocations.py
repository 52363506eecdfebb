"""What auth takes back is refused, what it gives is not, and only what still matters is remembered."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ates.domain.accounts.messages import AccountChanged, SessionRevoked
from ates.web.kit.identity.revocations import WINDOW_SECONDS, Revocations
from ates.web.kit.identity.tokens import Identity

NOW = 1_800_000_000.0
ACCOUNT = AccountChanged(
    account_id=str(uuid.uuid4()),
    login="polly",
    name="Polly",
    email="polly@example.com",
    role="worker",
    active=True,
    version=2,
)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


def token(issued: float, role: str = "worker", sid: str = "") -> Identity:
    return Identity(ACCOUNT.account_id, role, "Polly", sid or str(uuid.uuid4()), int(NOW + issued))


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def revocations(clock: Clock) -> Revocations:
    return Revocations(clock)


def test_who_is_not_known_is_let_in_by_the_token(revocations: Revocations) -> None:
    assert not revocations.refuses(token(-60))


def test_a_session_that_ended_is_refused_and_the_others_are_not(revocations: Revocations) -> None:
    ended = str(uuid.uuid4())
    revocations.learn(SessionRevoked(session_id=ended, account_id=ACCOUNT.account_id, revoked_at=at(0)), at(0))
    assert revocations.refuses(token(-60, sid=ended))
    assert not revocations.refuses(token(-60))


def test_a_deactivated_account_is_refused(revocations: Revocations) -> None:
    revocations.learn(replace(ACCOUNT, active=False, valid_after=at(-1)), at(-1))
    assert revocations.refuses(token(-60))


def test_tokens_from_before_a_new_password_are_void_and_those_from_after_are_good(revocations: Revocations) -> None:
    revocations.learn(replace(ACCOUNT, valid_after=at(-10.5)), at(-10.5))
    assert revocations.refuses(token(-60))
    assert not revocations.refuses(token(-10))
    revocations.learn(replace(ACCOUNT, version=3, valid_after=at(-10.5), name="Polly P."), at(-1))
    assert revocations.refuses(token(-60))


def test_a_role_that_was_taken_away_is_not_believed_any_more(revocations: Revocations) -> None:
    revocations.learn(ACCOUNT, at(-1))
    assert revocations.refuses(token(-60, role="admin"))
    assert not revocations.refuses(token(-60, role="worker"))


def test_a_token_that_is_newer_than_what_we_know_is_believed(revocations: Revocations) -> None:
    revocations.learn(ACCOUNT, at(-60))
    assert not revocations.refuses(token(-1, role="manager"))


def test_an_older_version_that_comes_again_changes_nothing(revocations: Revocations) -> None:
    revocations.learn(replace(ACCOUNT, version=3), at(-5))
    revocations.learn(replace(ACCOUNT, version=2, role="admin"), at(-6))
    assert revocations.refuses(token(-60, role="admin"))


def test_only_what_is_younger_than_a_tokens_life_is_kept(revocations: Revocations, clock: Clock) -> None:
    for _ in range(100):
        ended = SessionRevoked(session_id=str(uuid.uuid4()), account_id=ACCOUNT.account_id, revoked_at=at(0))
        revocations.learn(ended, at(0))
        revocations.learn(replace(ACCOUNT, account_id=str(uuid.uuid4())), at(0))
        revocations.learn(replace(ACCOUNT, account_id=str(uuid.uuid4())), at(-WINDOW_SECONDS - 1))
    assert len(revocations) == 200
    clock.now += WINDOW_SECONDS + 1
    revocations.learn(ACCOUNT, datetime.fromtimestamp(clock.now, UTC))
    assert len(revocations) == 1

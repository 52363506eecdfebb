"""What the outbox keeps of a record is enough to make it again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ates.domain.accounts.messages import AccountChanged, AccountCreated, AccountsAdministered, SessionRevoked
from ates.web.auth import outbox, relay

ACCOUNT = {
    "account_id": "8f14e45f-ceea-467f-a8a4-1a2b3c4d5e6f",
    "login": "polly",
    "name": "Polly \N{PARROT}",
    "email": "polly@example.com",
    "role": "worker",
    "active": True,
    "version": 3,
}
AT = datetime(2026, 11, 23, 12, 0, 0, 123000, tzinfo=UTC)
ACTION: dict[str, Any] = {
    "actor_id": "admin",
    "address": "192.0.2.1",
    "action": "account_changed",
    "changes": '{"role": "manager"}',
    "administered_at": AT,
}


class Written:
    """Stands in for the connection of the transaction: keeps what is written."""

    async def execute(self, _sql: str, *arguments: Any) -> None:
        self.row = json.loads(json.dumps(arguments[4]))
        self.kind, self.key, self.name = arguments[1:4]


@pytest.mark.parametrize(
    ("record", "topic", "key"),
    [
        (AccountCreated(**ACCOUNT), "auth.accounts", ACCOUNT["account_id"]),
        (AccountChanged(**ACCOUNT, valid_after=AT), "auth.accounts", ACCOUNT["account_id"]),
        (SessionRevoked(session_id="s", account_id="a", revoked_at=AT), "auth.sessions", "s"),
        (AccountsAdministered(**ACTION, account_id="a"), "auth.administration", "admin"),
        (AccountsAdministered(**ACTION, account_id=None), "auth.administration", "admin"),
    ],
)
async def test_a_record_comes_back_as_it_was_written(record: outbox.Record, topic: str, key: str) -> None:
    written = Written()
    await outbox.add(written, record, AT)
    assert outbox.record_of(written.name, written.row) == record
    assert (outbox.topic_of(written.kind), written.key) == (topic, key)


def test_only_what_came_before_the_first_failure_is_marked() -> None:
    failure = RuntimeError()
    assert relay.leading_successes([]) == 0
    assert relay.leading_successes(["a", "b"]) == 2
    assert relay.leading_successes(["a", failure, "c"]) == 1

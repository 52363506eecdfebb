"""Events written in the transaction of the change they tell. `ates.web.auth.relay` publishes them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args

from ates.domain.accounts.messages import (
    Account,
    AccountChanged,
    AccountCreated,
    AccountsAdministered,
    SessionRevoked,
)
from ates.schemas.envelope import format_time
from ates.web.auth.sql import SQL

Record = AccountCreated | AccountChanged | SessionRevoked | AccountsAdministered
_RECORDS: dict[str, type[Record]] = {record.__name__: record for record in get_args(Record)}
_TIMES = ("valid_after", "revoked_at", "administered_at")


async def add(connection: Any, record: Record, at: datetime, traceparent: str | None = None) -> None:
    """Write `record`, which happened `at`. Call inside the transaction that made it happen."""
    kind, key = _address(record)
    payload = {field.name: _plain(getattr(record, field.name)) for field in fields(record)}
    identifier, name = str(uuid.uuid4()), type(record).__name__
    await connection.execute(SQL["outbox.add"], identifier, kind, key, name, payload, at, traceparent)


def record_of(name: str, payload: Mapping[str, Any]) -> Record:
    """The record that `add` wrote. A field it did not know yet gets its default."""
    values = dict(payload)
    for field in _TIMES:
        if values.get(field):
            values[field] = datetime.fromisoformat(values[field])
    return _RECORDS[name](**values)


def topic_of(aggregatetype: str) -> str:
    """Where events of this kind go."""
    return f"auth.{aggregatetype}"


def _address(record: Record) -> tuple[str, str]:
    if isinstance(record, Account):
        return "accounts", record.account_id
    if isinstance(record, SessionRevoked):
        return "sessions", record.session_id
    return "administration", record.actor_id


def _plain(value: object) -> object:
    return format_time(value) if isinstance(value, datetime) else value

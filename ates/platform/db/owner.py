"""Whose servers these are: the stack that gave the database roles their passwords, noted as a comment on one of them.

Roles belong to a whole Postgres server, so a stack in another database of it meets the note, too. It also names the
Kafka cluster whose records the read models hold.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ates.domain.errors import SettingsError
from ates.platform.db import queries

ROLE = "ates_auth"
"""The role that carries the note."""

_SQL = queries.load(Path(__file__).with_name("owner.sql"))
_WORDS = (
    'To run more workers beside it, start them with its settings (docs/operations.md, "Workers on another machine"); '
    "to make this data directory the owner, end that stack for good and run `ates up --take-over`"
)


@dataclass(frozen=True, slots=True)
class Owner:
    """`stack` is an id, `place` says where its data directory is, `kafka` is a cluster's id; empty: not known."""

    stack: str
    place: str = ""
    kafka: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """A Kafka cluster, and whether it holds records of aTES."""

    cluster: str
    used: bool


def decide(present: Owner | None, ours: Owner, *, in_use: bool, log: Log | None = None) -> Owner:
    """The note to write. `in_use`: there are roles or tables of aTES. Raises `SettingsError` (`servers_owned`)."""
    if present and present.stack != ours.stack:
        raise _refused(f"this Postgres belongs to the stack in {present.place or 'an unknown place'}")
    if in_use and not present:
        raise _refused("this Postgres holds roles or tables of aTES that another stack has made")
    known = present.kafka if present else ""
    if log and log.used and log.cluster != known:
        raise _refused("this Kafka holds records of a stack whose database is another one")
    return replace(ours, kafka=log.cluster if log else known)


def _refused(reason: str) -> SettingsError:
    return SettingsError("servers_owned", f"{reason}. {_WORDS}")


async def claim(connection: Any, ours: Owner, *, log: Log | None = None, take_over: bool = False) -> None:
    """Note `ours` as the owner, before anything else is changed. Raises `SettingsError` (`servers_owned`)."""
    row = await connection.fetchrow(_SQL["owner.read"], ROLE)
    if take_over:
        owner = replace(ours, kafka=log.cluster if log else "")
    else:
        owner = decide(_read(row["note"]), ours, in_use=row["in_use"], log=log)
    async with connection.transaction():
        for statement in (_SQL["owner.role"], _SQL["owner.write"]):
            if text := await connection.fetchval(statement, ROLE, json.dumps(asdict(owner))):
                await connection.execute(text)


def _read(note: str | None) -> Owner | None:
    try:
        found = json.loads(note or "")
        return Owner(found["stack"], found["place"], found["kafka"])
    except (ValueError, TypeError, KeyError):  # none, or a comment that somebody wrote by hand
        return None

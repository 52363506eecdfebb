"""Runs SQL that a person wrote, and lets it do nothing but read the schema `analytics`, for a while, in part.

What holds it, from the outside in; docs/operations.md says the same for people:

- its role may `SELECT` from the views of one schema; functions with effects are revoked (`ates/db/roles.sql`)
- a fresh connection for each statement, with limits of time, temporary disk and number
- `BEGIN READ ONLY`, never committed
- a statement that can be prepared alone (one, whole), and then runs as a subquery with a limit: only what gives rows
- values cut by the server, rows fetched a few at a time until an answer is full
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from ates.db import reachable
from ates.errors import AtesError, Rejected, Unprocessable

ROWS = 1000
COLUMNS = 100
VALUE_CHARS = 10_000
ANSWER_CHARS = 4_000_000
SQL_CHARS = 20_000
SECONDS = 5
_FETCHED = 25
_NUMBER_CHARS = 300
_SETTINGS = {
    "application_name": "ates query",
    "default_transaction_read_only": "on",
    "statement_timeout": f"{SECONDS}s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": f"{2 * SECONDS}s",
    # pg_catalog last: analytics.set_config, which does nothing, is found before the real one (0007_query.sql).
    "search_path": "analytics, pg_catalog",
    "work_mem": "8MB",
    "timezone": "UTC",
    "jit": "off",
}

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave. `truncated`: there is more, in rows or in a value. `milliseconds`: how long it took."""

    columns: list[str]
    rows: list[list[Value]]
    truncated: bool
    milliseconds: int = 0


async def ask(dsn: str, sql: str) -> Answer:
    """Run `sql` as the role of `dsn`.

    Raises `Unprocessable` (`query_refused`, `query_timeout`, `query_too_large`), `Rejected` 429 `query_busy`,
    `Unavailable`.
    """
    text, started = checked(sql), time.perf_counter()
    async with _connection(dsn) as connection:
        await connection.prepare(text)
        statement = await connection.prepare(_bounded("*", text))
        if statement.get_parameters():
            raise _refused("Parameters such as $1 have no value here; write the value itself.")
        attributes = statement.get_attributes()
        if not 0 < len(attributes) <= COLUMNS:
            raise _refused(f"A statement gives 1 to {COLUMNS} columns, this one {len(attributes)}.")
        names = [f"c{number}" for number in range(len(attributes))]
        shown = ", ".join(f"left(_q.{name}::text, {VALUE_CHARS + 1})" for name in names)
        cursor = connection.cursor(_bounded(shown, text, f"({', '.join(names)})"), prefetch=_FETCHED)
        kinds = [_KINDS.get(attribute.type.name, _text) for attribute in attributes]
        rows, truncated = await _read(cursor, kinds)
    columns = [attribute.name for attribute in attributes]
    return Answer(columns, rows, truncated, round((time.perf_counter() - started) * 1000))


async def explain(dsn: str, sql: str) -> str:
    """How Postgres would run `sql`, without running it. Raises as `ask` does."""
    text = checked(sql)
    async with _connection(dsn) as connection:
        await connection.prepare(text)
        lines = await connection.fetch("EXPLAIN " + _bounded("*", text))
    return "\n".join(line[0] for line in lines)


def checked(sql: str) -> str:
    """`sql` without a last semicolon. Raises `Unprocessable` for what is no text of a statement."""
    text = sql.strip().removesuffix(";").rstrip()
    if not text:
        raise _refused("There is no statement.")
    if len(text) > SQL_CHARS or "\0" in text or text != text.encode(errors="replace").decode():
        raise _refused(f"A statement has at most {SQL_CHARS:,} characters, none of them zero or half of a pair.")
    return text


def _bounded(shown: str, text: str, alias: str = "") -> str:
    # On lines of its own, so that a comment at its end hides nothing of ours.
    return f"select {shown} from (\n{text}\n) _q{alias} limit {ROWS + 1}"  # noqa: S608 (that is what it is for)


async def _read(cursor: Any, kinds: list[Callable[[str], Value]]) -> tuple[list[list[Value]], bool]:
    rows: list[list[Value]] = []
    size, truncated = 0, False
    async for record in cursor:
        size += sum(len(text) for text in record if text is not None)
        if len(rows) == ROWS or size > ANSWER_CHARS:
            return rows, True
        truncated = truncated or any(text is not None and len(text) > VALUE_CHARS for text in record)
        rows.append(
            [None if text is None else kind(text[:VALUE_CHARS]) for kind, text in zip(kinds, record, strict=True)]
        )
    return rows, truncated


@asynccontextmanager
async def _connection(dsn: str) -> AsyncIterator[Any]:
    """A connection in a transaction that can only read; whatever happens in it, nothing of it stays."""
    try:
        with reachable():
            connection = await asyncpg.connect(
                dsn, timeout=SECONDS, command_timeout=SECONDS + 1, server_settings=_SETTINGS
            )
    except AtesError as error:
        if isinstance(error.__cause__, asyncpg.TooManyConnectionsError):
            raise Rejected("query_busy", "Too many questions at once; ask again in a moment.", status=429) from error
        raise
    try:
        async with connection.transaction(readonly=True):
            yield connection
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError) as error:
        raise _failure(error) from error
    finally:
        connection.terminate()


def _failure(error: Exception) -> AtesError:
    if isinstance(error, asyncpg.QueryCanceledError | TimeoutError | asyncio.TimeoutError):
        return Unprocessable("query_timeout", f"It took longer than {SECONDS} seconds, and was stopped.")
    too_large = (asyncpg.OutOfMemoryError, asyncpg.ProgramLimitExceededError, asyncpg.ConfigurationLimitExceededError)
    if isinstance(error, too_large):
        return Unprocessable("query_too_large", f"It needs more memory or disk than it may have: {error}")
    where = getattr(error, "position", None)
    return _refused(f"{error}{f' (at character {where})' if where else ''}")


def _refused(reason: str) -> Unprocessable:
    return Unprocessable("query_refused", reason)


def _text(text: str) -> Value:
    return text


def _number(text: str) -> Value:
    """An exact integer where it is one; what JSON has no number for stays text."""
    if len(text) > _NUMBER_CHARS:
        return text
    try:
        return int(text)
    except ValueError:
        value = float(text)
        return value if math.isfinite(value) else text


_KINDS: dict[str, Callable[[str], Value]] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid", "numeric", "float4", "float8"), _number),
    "bool": lambda text: text == "true",
}

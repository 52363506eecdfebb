"""Runs SQL that a person wrote, and lets it do nothing but read the schema `analytics`, for a while, in part.

What holds it, from the outside in; docs/operations.md says the same for people:

- its role may `SELECT` from the views of one schema and call the functions of a list (`ates.platform.db.allowed`)
- the server's parse tree of it, in which nothing else is used: types, and what an admin could not revoke (`gate`)
- a turn: a person has few at once, and all together not many more (`turns`)
- a fresh connection for each statement, with limits of time, temporary disk and number
- `BEGIN READ ONLY`, never committed
- a statement that can be prepared alone (one, whole), and then runs as a subquery with a limit: only what gives rows
- values cut by the server, rows fetched a few at a time until an answer is full
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import asyncpg

from ates.domain.errors import AtesError, Unprocessable
from ates.platform.db import reachable
from ates.web.analytics import gate, turns
from ates.web.analytics.gate import Allowed

ROWS = 1000
COLUMNS = 100
VALUE_CHARS = 10_000
ANSWER_CHARS = 4_000_000
SQL_CHARS = 20_000
SECONDS = 5
_FETCHED = 25
_NUMBER_CHARS = 300
_TEXT_OID = 25
_BLANKS = "\u00a0\u202f\u2007"
# Texts, names, dollar quotes and comments as they are; blanks between them.
_QUOTED_OR_BLANK = re.compile(
    rf"""'(?:[^']|'')*'|"[^"]*"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/|[{_BLANKS}]""", re.DOTALL
)
_SETTINGS = {
    "application_name": "ates query",
    "default_transaction_read_only": "on",
    "statement_timeout": f"{SECONDS}s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": f"{2 * SECONDS}s",
    # pg_catalog last: the bounded functions of analytics are found before those that they stand for.
    "search_path": "analytics, pg_catalog",
    "work_mem": "8MB",
    "timezone": "UTC",
    "jit": "off",
    **gate.SETTINGS,
}

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave. `truncated`: there is more, in rows or in a value. `milliseconds`: how long it took."""

    columns: list[str]
    rows: list[list[Value]]
    truncated: bool
    milliseconds: int = 0


async def ask(dsn: str, sql: str, may: Allowed) -> Answer:
    """Run `sql` as the role of `dsn`, if it uses only what it `may`.

    Raises `Unprocessable` (`query_refused`, `query_timeout`, `query_too_large`), `Rejected` 429 `query_busy`,
    `Unavailable`.
    """
    typed, started = checked(sql), time.perf_counter()
    async with _connection(dsn, sql) as connection:
        text, prepared = await _prepared(connection, typed, may)
        attributes = prepared.get_attributes()
        if not 0 < len(attributes) <= COLUMNS:
            raise _refused(f"A statement gives 1 to {COLUMNS} columns, this one {len(attributes)}.")
        names = [f"c{number}" for number in range(len(attributes))]
        shown = ", ".join(f"left(_q.{name}::text, {VALUE_CHARS + 1})" for name in names)
        cursor = connection.cursor(_bounded(shown, text, f"({', '.join(names)})"), prefetch=_FETCHED)
        kinds = [_KINDS.get(attribute.type.name, _text) for attribute in attributes]
        rows, truncated = await _read(cursor, kinds)
    columns = [attribute.name for attribute in attributes]
    return Answer(columns, rows, truncated, round((time.perf_counter() - started) * 1000))


async def explain(dsn: str, sql: str, may: Allowed) -> str:
    """How Postgres would run `sql`, without running it. Raises as `ask` does."""
    typed = checked(sql)
    async with _connection(dsn, sql) as connection:
        text, _ = await _prepared(connection, typed, may)
        lines = await connection.fetch("EXPLAIN " + _bounded("*", text))
    return "\n".join(line[0] for line in lines)


def checked(sql: str) -> str:
    """`sql` without what editors and web pages leave in it: a byte order mark, blanks that do not break a line.

    Each character keeps its place. Raises `Unprocessable` for what is no text of a statement.
    """
    text = sql.replace("\ufeff", " ", 1) if sql.startswith("\ufeff") else sql
    text = _QUOTED_OR_BLANK.sub(lambda found: " " if found[0] in _BLANKS else found[0], text)
    if not text.strip(" \t\r\n\f\v;"):
        raise _refused("There is no statement.")
    if len(text) > SQL_CHARS or "\0" in text or text != text.encode(errors="replace").decode():
        raise _refused(f"A statement has at most {SQL_CHARS:,} characters, none of them zero or half of a pair.")
    return text


async def _prepared(connection: Any, text: str, may: Allowed) -> tuple[str, Any]:
    """The one statement in `text`, and the same as the server understands it."""
    trees: list[str] = []
    connection.add_log_listener(lambda _, message: trees.append(message.detail or ""))
    prepared = await connection.prepare(text)
    await asyncio.sleep(0)  # listeners are called by the loop
    if not trees:
        raise _refused("There is no statement.")
    gate.check(trees[0], may)
    if prepared.get_parameters():
        raise _refused("Parameters such as $1 have no value here; write the value itself.")
    return gate.statement(text, trees[0]), prepared


def _bounded(shown: str, text: str, alias: str = "") -> str:
    # On lines of its own, so that a comment at its end hides nothing of ours.
    return f"select {shown} from (\n{text}\n) _q{alias} limit {ROWS + 1}"  # noqa: S608 (that is what it is for)


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Looks no type up in the catalogs, which its role may not read: values arrive as text."""

    async def _introspect_types(self, typeoids: Iterable[int], _: float) -> tuple[list[Any], Any]:
        blank = dict.fromkeys(("elemtype", "range_subtype", "basetype"))
        text = {"ns": "", "kind": b"c", "attrtypoids": (_TEXT_OID,), "attrnames": ("text",)}
        return [{**blank, **text, "oid": oid, "name": "other"} for oid in typeoids], SimpleNamespace(name="none")


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
async def _connection(dsn: str, typed: str) -> AsyncIterator[Any]:
    """A connection in a transaction that can only read; whatever happens in it, nothing of it stays.

    Errors of the server become errors of ours, at positions in `typed`.
    """
    try:
        with reachable():
            connection = await asyncpg.connect(
                dsn,
                timeout=SECONDS,
                command_timeout=SECONDS + 1,
                server_settings=_SETTINGS,
                connection_class=_Connection,
            )
    except AtesError as error:
        if isinstance(error.__cause__, asyncpg.TooManyConnectionsError):
            raise turns.busy() from error
        raise
    try:
        async with connection.transaction(readonly=True):
            yield connection
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError) as error:
        raise _failure(error, typed) from error
    finally:
        connection.terminate()


def _failure(error: Exception, typed: str) -> AtesError:
    if isinstance(error, asyncpg.QueryCanceledError | TimeoutError | asyncio.TimeoutError):
        return Unprocessable("query_timeout", f"It took longer than {SECONDS} seconds, and was stopped.")
    too_large = (asyncpg.OutOfMemoryError, asyncpg.ProgramLimitExceededError, asyncpg.ConfigurationLimitExceededError)
    if isinstance(error, too_large):
        return Unprocessable("query_too_large", f"It needs more memory or disk than it may have: {error}")
    # A position beyond the end is one past it: where something is missing.
    where = min(int(getattr(error, "position", None) or 0), len(typed.rstrip()))
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

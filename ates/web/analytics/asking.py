"""Asking in SQL: every statement is remembered with its author before it runs, and what became of it after."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from aiohttp import web

from ates.domain.errors import AtesError, Rejected
from ates.web.analytics import gate, sandbox
from ates.web.analytics.gate import Allowed
from ates.web.analytics.sandbox import Answer
from ates.web.analytics.turns import TURNS
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of
from ates.web.kit.keys import SETTINGS
from ates.web.kit.reading import READER, Row

_log = structlog.get_logger()
_T = TypeVar("_T")


async def remember(request: web.Request, sql: str) -> str:
    """Put a statement into its author's history; its id is its permalink. Raises `Unprocessable`."""
    sandbox.checked(sql)
    identity, asked_id = identity_of(request), str(uuid.uuid4())
    await request.app[READER].value("asked.add", asked_id, identity.account_id, identity.name, sql)
    return asked_id


async def asked(request: web.Request) -> Row:
    """The statement that `id` in the URL names. Raises `Rejected` 404 `query_not_found`."""
    asked_id = inputs.optional_id(request, "id")
    row = await request.app[READER].row("asked.one", asked_id) if asked_id else None
    if row is None:
        raise Rejected("query_not_found", "Nobody asked this, or not here.")
    return row


async def answer(request: web.Request, sql: str, asked_id: str | None = None) -> Answer:
    """Run `sql` for who is asking. `asked_id`: it is remembered already under this id. Raises as `sandbox.ask` does."""
    asked_id = asked_id or await remember(request, sql)
    outcome, rows, milliseconds = "failed", 0, 0
    try:
        found = await _run(request, sandbox.ask, sql)
        outcome, rows, milliseconds = "ok", len(found.rows), found.milliseconds
        return found
    except AtesError as error:
        outcome = error.code
        raise
    finally:
        identity = identity_of(request)
        _log.info(
            "query", author=identity.account_id, query=asked_id, sql=sql, outcome=outcome, rows=rows,
            milliseconds=milliseconds,
        )  # fmt: skip
        await request.app[READER].value("asked.done", asked_id, outcome, rows, milliseconds)


async def answer_again(request: web.Request, row: Row) -> Answer:
    """Run what a permalink names: the first time by its author is what was remembered, any other is a new one."""
    first = row["outcome"] is None and row["author_id"] == identity_of(request).account_id
    return await answer(request, row["sql"], row["id"] if first else None)


async def plan(request: web.Request, sql: str) -> str:
    """How Postgres would run `sql`. Raises as `sandbox.ask` does."""
    return await _run(request, sandbox.explain, sql)


async def _run(request: web.Request, what: Callable[[str, str, Allowed], Awaitable[_T]], sql: str) -> _T:
    """Do it with `sql` when it is this person's turn."""
    reader = request.app[READER]
    async with request.app[TURNS].turn(identity_of(request).account_id):
        try:
            return await what(request.app[SETTINGS].query_postgres, sql, await gate.load(reader))
        except gate.Forbidden as refusal:
            raise await gate.named(refusal, reader) from refusal


def to_json(found: Answer) -> dict[str, Any]:
    """The contract's shape."""
    return {"columns": found.columns, "rows": found.rows, "truncated": found.truncated}

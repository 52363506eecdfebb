"""Asking in SQL: every statement is remembered with its author before it runs, and what became of it after."""

from __future__ import annotations

import uuid
from typing import Any

import structlog
from aiohttp import web

from ates.errors import AtesError, Rejected
from ates.web.analytics import sandbox
from ates.web.analytics.sandbox import Answer
from ates.web.kit import inputs
from ates.web.kit.keys import SETTINGS
from ates.web.kit.reading import READER, Row
from ates.web.kit.security import identity_of

_log = structlog.get_logger()


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
        raise Rejected("query_not_found", "Nobody asked this, or not here.", status=404)
    return row


async def answer(request: web.Request, sql: str, asked_id: str | None = None) -> Answer:
    """Run `sql` for who is asking. `asked_id`: it is remembered already under this id. Raises as `sandbox.ask` does."""
    asked_id = asked_id or await remember(request, sql)
    outcome, rows, milliseconds = "failed", 0, 0
    try:
        found = await sandbox.ask(request.app[SETTINGS].query_postgres, sql)
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


def to_json(found: Answer) -> dict[str, Any]:
    """The contract's shape."""
    return {"columns": found.columns, "rows": found.rows, "truncated": found.truncated}

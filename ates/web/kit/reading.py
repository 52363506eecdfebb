"""Named queries over a pool. Front ends read views; what a statement writes of their own commits with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

from ates.platform.db import queries, using

Row = Mapping[str, Any]


class Reader:
    """Runs the statements of one `queries.sql` by name. Raises `Unavailable` when Postgres is away."""

    def __init__(self, pool: asyncpg.Pool, path: Path) -> None:
        self._pool = pool
        self._sql = queries.load(path)

    async def rows(self, name: str, *arguments: object) -> list[Row]:
        """All rows of the query."""
        async with using(self._pool) as connection:
            return list(await connection.fetch(self._sql[name], *arguments))

    async def run(self, sql: str, *arguments: object) -> list[Row]:
        """All rows of a statement that a registry made: its names are the registry's, its values `arguments`."""
        async with using(self._pool) as connection:
            return list(await connection.fetch(sql, *arguments))

    async def row(self, name: str, *arguments: object) -> Row | None:
        """Its first row, if any."""
        async with using(self._pool) as connection:
            found: Row | None = await connection.fetchrow(self._sql[name], *arguments)
            return found

    async def value(self, name: str, *arguments: object) -> Any:
        """The first column of its first row; None when there is no row."""
        async with using(self._pool) as connection:
            return await connection.fetchval(self._sql[name], *arguments)


POOL = web.AppKey("pool", asyncpg.Pool)
READER = web.AppKey("reader", Reader)

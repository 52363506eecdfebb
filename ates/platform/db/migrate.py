"""Bring the database to the version of this code: roles, then `migrations/NNNN_name.sql` in order.

Each file runs once, in a transaction of its own with the row that remembers it; one runner at a time.
A file that changed after it was applied, or that a newer aTES applied, is refused by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from ates.domain.errors import AtesError, SettingsError
from ates.platform.db import queries, roles
from ates.platform.db.pool import CONNECT_SECONDS, reachable

DIRECTORY = Path(__file__).with_name("migrations")
LOCK = 0x61_74_65_73  # "ates", in the database's one space of advisory locks

Claim = Callable[[Any], Awaitable[None]]
"""Called with the connection before anything is changed; raises where nothing may be."""

_SQL = queries.load(Path(__file__).with_name("migrate.sql"))


@dataclass(frozen=True, slots=True)
class Migration:
    """`checksum` is the SHA-256 of the file in hex."""

    name: str
    sql: str
    checksum: str


def available(directory: Path = DIRECTORY) -> list[Migration]:
    """The migrations in `directory`, in the order of their numbers."""
    files = sorted(directory.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    texts = [(file.stem, file.read_text(encoding="utf-8")) for file in files]
    return [Migration(name, sql, hashlib.sha256(sql.encode()).hexdigest()) for name, sql in texts]


async def migrate(
    dsn: str, passwords: Mapping[str, str], directory: Path = DIRECTORY, claim: Claim | None = None
) -> list[str]:
    """Names of what was applied now. `dsn` is an admin's.

    Raises `AtesError`: `migration_refused`, `database_forbidden` if the admin lacks a right, and what `claim` raises.
    """
    with reachable(), _allowed():
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
            if claim:
                await claim(connection)
            await roles.ensure(connection, passwords)
            return await _apply(connection, available(directory))
        finally:
            await connection.close()


@contextmanager
def _allowed() -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        detail = f'Postgres refuses ATES_POSTGRES\'s admin: {error} (docs/operations.md, "Rights in Postgres")'
        raise SettingsError("database_forbidden", detail) from error


async def _apply(connection: Any, migrations: list[Migration]) -> list[str]:
    await connection.execute("SET client_min_messages = warning")
    if statements := await connection.fetchval(_SQL["ledger.prepare"]):
        await connection.execute(statements)
    todo = pending(migrations, {row["name"]: row["checksum"] for row in await connection.fetch(_SQL["ledger.read"])})
    for migration in todo:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute("RESET ROLE")
            await connection.execute(_SQL["ledger.add"], migration.name, migration.checksum)
    return [migration.name for migration in todo]


def pending(migrations: list[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """What is still to apply. Refuses a changed file, an unknown one, and one that comes too late."""
    known = {migration.name: migration.checksum for migration in migrations}
    for name, checksum in sorted(applied.items()):
        if name not in known:
            raise _refused(f"this database was upgraded by a newer aTES ({name} is not known here)")
        if known[name] != checksum:
            raise _refused(f"{name}.sql was changed after it was applied; write a new migration instead")
    todo = [migration for migration in migrations if migration.name not in applied]
    newest = max(applied, default="")
    if todo and todo[0].name < newest:
        raise _refused(f"{todo[0].name}.sql comes before {newest}, which is applied; give it a later number")
    return todo


def _refused(reason: str) -> AtesError:
    return AtesError("migration_refused", reason)

"""The database roles: one per process, each with what it needs and no more. Grants are in the migrations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ates.platform import environment
from ates.platform.db import allowed, queries
from ates.topology import DATABASE_ROLES

# Variable -> role. `ates migrate` reads the passwords from ATES_DB_PASSWORD_<variable>.
ROLES = {role.upper(): f"ates_{role}" for role in DATABASE_ROLES}
QUERY = "ates_query"
"""Who asks in SQL: reads the schema `analytics`, and may nothing else."""
PASSWORD_PREFIX = "ATES_DB_PASSWORD_"  # noqa: S105 -- the name of a variable

_SQL = queries.load(Path(__file__).with_name("roles.sql"))


def passwords(environ: Mapping[str, str]) -> dict[str, str]:
    """Role -> password, for the roles whose variable is set."""
    environ = environment.with_files(environ, [PASSWORD_PREFIX + name for name in ROLES])
    given = {role: environ.get(PASSWORD_PREFIX + name, "") for name, role in ROLES.items()}
    return {role: password for role, password in given.items() if password}


async def ensure(connection: Any, given: Mapping[str, str]) -> None:
    """Make the roles that are missing, give each of `given` its password. Call under the migration lock."""
    for role in ROLES.values():
        if not await connection.fetchval(_SQL["roles.exists"], role):
            await _run(connection, "roles.create", role)
        if role in given:
            await _run(connection, "roles.password", role, given[role])
        await _run(connection, "roles.membership", role)
        await _run(connection, "database.connect", role)
    await _run(connection, "query.limits")
    await _restrict_query(connection)
    await _run(connection, "database.restrict")


async def _restrict_query(connection: Any) -> None:
    """Leave to PUBLIC, and so to `ates_query`, the allowed functions alone; the processes keep what they had."""
    kept = await allowed_functions(connection)
    processes = [role for role in ROLES.values() if role != QUERY]
    await _run(connection, "query.allow", processes, kept)
    await _run(connection, "query.allow_catalogs", processes)
    await _run(connection, "query.forbid", kept)
    await _run(connection, "query.forbid_catalogs")


async def allowed_functions(connection: Any) -> list[int]:
    """Object ids of the functions of `pg_catalog` that people's own SQL may call."""
    return [row["oid"] for row in await connection.fetch(allowed.SQL["allowed.functions"], *allowed.arguments())]


async def open_to_query(connection: Any) -> int:
    """How many functions and catalogs beyond the allowed ones `ates_query` may use: 0 where a superuser migrated."""
    count: int = await connection.fetchval(_SQL["query.open"], await allowed_functions(connection))
    return count


async def _run(connection: Any, name: str, *arguments: Any) -> None:
    statement = await connection.fetchval(_SQL[name], *arguments)
    if statement:
        await connection.execute(statement)

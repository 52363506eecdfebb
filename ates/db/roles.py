"""The database roles: one per process, each with what it needs and no more. Grants are in the migrations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ates.db import queries
from ates.topology import DATABASE_ROLES

# Variable -> role. `ates migrate` reads the passwords from ATES_DB_PASSWORD_<variable>.
ROLES = {role.upper(): f"ates_{role}" for role in DATABASE_ROLES}
QUERY = "ates_query"
"""Who asks in SQL: reads the schema `analytics`, and may nothing else."""
PASSWORD_PREFIX = "ATES_DB_PASSWORD_"  # noqa: S105 -- the name of a variable

_SQL = queries.load(Path(__file__).with_name("roles.sql"))


def passwords(environ: Mapping[str, str]) -> dict[str, str]:
    """Role -> password, for the roles whose variable is set."""
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
        if role != QUERY:
            await _run(connection, "query.allow", role)
    await _run(connection, "query.limits")
    await _run(connection, "query.forbid")
    await _run(connection, "database.restrict")


async def _run(connection: Any, name: str, *arguments: str) -> None:
    statement = await connection.fetchval(_SQL[name], *arguments)
    if statement:
        await connection.execute(statement)

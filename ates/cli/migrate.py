"""`ates migrate`: database schemas and roles."""

from __future__ import annotations

import asyncio
import os

import asyncpg
import click

from ates.cli import output
from ates.platform.db import roles
from ates.platform.db.migrate import migrate as run
from ates.platform.settings import load, require

_NO_SUPERUSER = """\
note: this admin is no superuser, so {left:,} functions and catalogs of Postgres stay open to the role ates_query, and
its temporary files have no limit. The SQL page refuses them itself, by the parse tree of each statement. To have the
server refuse them too, run `ates migrate` once as a superuser."""


@click.command()
@output.as_json
def migrate(as_json: bool) -> None:
    """Create or upgrade the database schemas and roles.

    ATES_POSTGRES is an admin's URL; ATES_DB_PASSWORD_AUTH, _VIEWS, _TASKS, _ACCOUNTING, _ANALYTICS, _QUERY and
    _AUDIT set the roles' passwords. Running it again changes nothing but the passwords given.
    """
    settings = load("migrate")
    require(settings, "postgres")
    applied, left = asyncio.run(_migrate(settings.postgres))
    sentence = "\n".join(f"applied {name}" for name in applied) or "nothing to apply"
    output.say({"applied": applied, "open_to_query": left}, sentence, as_json)
    if left:
        click.echo(_NO_SUPERUSER.format(left=left), err=True)


async def _migrate(dsn: str) -> tuple[list[str], int]:
    applied = await run(dsn, roles.passwords(os.environ))
    connection = await asyncpg.connect(dsn)
    try:
        return applied, await roles.open_to_query(connection)
    finally:
        await connection.close()

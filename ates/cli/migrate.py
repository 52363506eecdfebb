"""`ates migrate`: database schemas and roles."""

from __future__ import annotations

import asyncio
import os
import platform
from functools import partial
from typing import Any

import asyncpg
import click

from ates.cli import output
from ates.platform.db import owner, roles
from ates.platform.db.migrate import Claim
from ates.platform.db.migrate import migrate as run
from ates.platform.db.pool import CONNECT_SECONDS, reachable
from ates.platform.log_reader import TopicLog
from ates.platform.settings import Settings, load, require
from ates.topology import AUTH_ACCOUNTS

_NO_SUPERUSER = """\
note: this admin is no superuser, so {left:,} functions and catalogs of Postgres stay open to the role ates_query, and
its temporary files have no limit. The SQL page refuses them itself, by the parse tree of each statement. To have the
server refuse them too, run `ates migrate` once as a superuser."""


@click.command()
@click.option("--owner", "stack", metavar="ID", default="", help="Id of the stack; servers of another are refused.")
@click.option("--check-kafka", is_flag=True, help="Refuse a Kafka, too, whose records belong to another database.")
@click.option("--take-over", is_flag=True, help="Make ID the owner, whoever was it before.")
@output.as_json
def migrate(stack: str, check_kafka: bool, take_over: bool, as_json: bool) -> None:
    """Create or upgrade the database schemas and roles.

    ATES_POSTGRES is an admin's URL; ATES_DB_PASSWORD_AUTH, _VIEWS, _TASKS, _ACCOUNTING, _ANALYTICS, _QUERY and
    _AUDIT set the roles' passwords. Running it again changes nothing but the passwords given.
    """
    settings = load("migrate")
    require(settings, "postgres")
    claim = partial(_claim, settings, stack, check_kafka, take_over) if stack else None
    applied, left = asyncio.run(_migrate(settings.postgres, claim))
    sentence = "\n".join(f"applied {name}" for name in applied) or "nothing to apply"
    output.say({"applied": applied, "open_to_query": left}, sentence, as_json)
    if left:
        click.echo(_NO_SUPERUSER.format(left=left), err=True)


async def _migrate(dsn: str, claim: Claim | None) -> tuple[list[str], int]:
    applied = await run(dsn, roles.passwords(os.environ), claim=claim)
    with reachable():
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
        try:
            return applied, await roles.open_to_query(connection)
        finally:
            await connection.close()


async def _claim(settings: Settings, stack: str, check_kafka: bool, take_over: bool, connection: Any) -> None:
    log = await asyncio.to_thread(_log, settings) if check_kafka else None
    place = f"{platform.node()}:{settings.data}"
    await owner.claim(connection, owner.Owner(stack, place), log=log, take_over=take_over)


def _log(settings: Settings) -> owner.Log:
    log = TopicLog(settings)
    # Each company has an admin, whose record is never deleted.
    return owner.Log(log.cluster_id(), any(log.ends([AUTH_ACCOUNTS.name]).values()))

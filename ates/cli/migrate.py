"""`ates migrate`: database schemas and roles."""

from __future__ import annotations

import asyncio
import os

import click

from ates.db import roles
from ates.db.migrate import migrate as run
from ates.settings import load, require


@click.command()
def migrate() -> None:
    """Create or upgrade the database schemas and roles.

    ATES_POSTGRES is an admin's URL; ATES_DB_PASSWORD_AUTH, _VIEWS, _TASKS, _ACCOUNTING, _ANALYTICS, _QUERY and
    _AUDIT set the roles' passwords. Running it again changes nothing but the passwords given.
    """
    settings = load("migrate")
    require(settings, "postgres")
    applied = asyncio.run(run(settings.postgres, roles.passwords(os.environ)))
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")

"""Connections, with UUIDs as text and jsonb as values, as the domain has them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from ates.domain.errors import Unavailable
from ates.platform import tls
from ates.platform.settings import Settings, require

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # The client trips over itself when a server dies while it says hello: "cannot switch to state 11 …".
    asyncpg.InternalClientError,
)

_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,  # of a user, a password, a way to log in
    asyncpg.InvalidCatalogNameError,
)


async def create_pool(settings: Settings, *, application: str, size: int = 8) -> asyncpg.Pool:
    """A pool of at most `size` connections as the role in `settings.postgres`.

    It opens none before the first use: a process starts, and says 503, while Postgres is away.
    """
    require(settings, "postgres")
    return await asyncpg.create_pool(
        settings.postgres,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        init=prepare,
        server_settings={"application_name": f"ates {application}", "timezone": "UTC"},
    )


async def prepare(connection: asyncpg.Connection) -> None:
    """Give a connection our types: uuid is `str`, json and jsonb are Python values."""
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_dumps, decoder=json.loads)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@asynccontextmanager
async def using(pool: asyncpg.Pool, *, transaction: bool = False) -> AsyncIterator[Any]:
    """A connection of the pool, in a transaction if asked. Raises `Unavailable` when Postgres is away."""
    with reachable():
        async with pool.acquire(timeout=CONNECT_SECONDS) as connection:
            if not transaction:
                yield connection
                return
            async with connection.transaction():
                yield connection


@contextmanager
def reachable() -> Iterator[None]:
    """Turn what asyncpg and the operating system raise for an absent or full Postgres into `Unavailable`, and for one
    that refuses our login (`database_unauthorized`)."""
    try:
        yield
    except _REFUSED as error:
        detail = "The database refuses the user, the password or the name of the database in ATES_POSTGRES."
        raise Unavailable("database_unauthorized", detail) from error
    except _AWAY as error:
        if found := tls.refused(error):
            raise tls.untrusted("Postgres", "sslrootcert of ATES_POSTGRES", found) from error
        raise Unavailable("database_unavailable", "The database does not answer; try again soon.") from error
    except asyncpg.InterfaceError as error:
        if "clos" not in str(error):
            raise
        raise Unavailable("database_unavailable", "The database went away; try again soon.") from error

"""A browser at a real auth over a real Postgres, with one admin."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from ates.platform.db.pool import prepare
from ates.platform.settings import Settings
from ates.web.auth import bootstrap
from ates.web.auth.app import create_app

if TYPE_CHECKING:
    from conftest import Database

_TABLES = (
    *("accounts", "sessions", "refresh_tokens", "attempts", "known_places", "administration", "requests", "outbox"),
    *("second_factors", "recovery_codes", "second_factor_roles"),
)


@pytest.fixture
def first_admin() -> bootstrap.Wanted:
    return bootstrap.Wanted(
        account_id=str(uuid.uuid5(uuid.NAMESPACE_OID, "admin")),
        login="admin",
        password="correct horse",
        role="admin",
        name="Ara the First",
        email="ara@example.com",
    )


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return Settings(
        postgres=database.url("ates_auth"),
        keys=str(tmp_path / "keys"),
        csrf_secret="a secret of the tests",
        gateway="http://gateway.test",
        data=tmp_path,
    )


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Any]:
    """The database, with everything of auth's forgotten."""
    connection = await asyncpg.connect(database.admin)
    await prepare(connection)
    await connection.execute(f"TRUNCATE {', '.join(f'auth.{name}' for name in _TABLES)}")
    yield connection
    await connection.close()


@pytest.fixture
async def client(settings: Settings, connection: Any, first_admin: bootstrap.Wanted) -> AsyncIterator[TestClient]:
    """A browser with an empty cookie jar."""
    await bootstrap.ensure(settings, [first_admin])
    async with TestClient(TestServer(create_app(settings))) as client:
        yield client

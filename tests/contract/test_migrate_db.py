"""Migrations against a real Postgres."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ates.domain.errors import AtesError, Unavailable
from ates.platform.db.migrate import available, migrate
from ates.platform.db.pool import prepare

if TYPE_CHECKING:
    from conftest import Database


def _write(directory: Path, name: str, sql: str) -> None:
    (directory / f"{name}.sql").write_text(sql, encoding="utf-8")


async def test_a_second_run_has_nothing_to_apply(empty_database: str) -> None:
    assert (await migrate(empty_database, {}))[0] == "0001_auth"
    assert await migrate(empty_database, {}) == []


async def test_two_runners_at_once_apply_everything_once(postgres: str, tmp_path: Path) -> None:
    _write(tmp_path, "0001_one", "CREATE TABLE public.one (x int)")
    first, second = await asyncio.gather(migrate(postgres, {}, tmp_path), migrate(postgres, {}, tmp_path))
    assert sorted([first, second]) == [[], ["0001_one"]]


async def test_a_failing_migration_leaves_nothing_behind(database: Database, tmp_path: Path) -> None:
    for migration in available():
        _write(tmp_path, migration.name, migration.sql)
    _write(tmp_path, "9000_broken", "CREATE TABLE public.half (x int); SELECT 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database.admin, {}, tmp_path)
    connection = await asyncpg.connect(database.admin)
    assert await connection.fetchval("SELECT to_regclass('public.half')") is None
    await connection.close()


async def test_a_file_that_changed_after_it_was_applied_is_refused_by_name(database: Database, tmp_path: Path) -> None:
    _write(tmp_path, "0001_auth", "SELECT 1")
    with pytest.raises(AtesError, match=r"0001_auth.sql was changed"):
        await migrate(database.admin, {}, tmp_path)


async def test_a_database_of_a_newer_version_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(AtesError, match="newer aTES"):
        await migrate(database.admin, {}, tmp_path)


async def test_no_password_breaks_out_of_its_quotes(database: Database) -> None:
    nasty = "it's; DROP SCHEMA auth --\\'%s $1 \N{PARTY POPPER}"
    await migrate(database.admin, {"ates_tasks": nasty})
    connection = await asyncpg.connect(database.admin)
    stored = await connection.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = 'ates_tasks'")
    await connection.close()
    assert stored.startswith("SCRAM-SHA-256$")
    await migrate(database.admin, {"ates_tasks": "secret"})  # roles are the whole server's


@pytest.mark.parametrize("role", ["ates_views", "ates_tasks", "ates_accounting", "ates_analytics", "ates_audit"])
async def test_nobody_but_auth_sees_passwords(database: Database, role: str) -> None:
    connection = await asyncpg.connect(database.url(role))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT password_hash FROM auth.accounts")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE TEMPORARY TABLE mine (x int)")
    await connection.close()


async def test_auth_owns_its_tables_and_is_no_admin(database: Database) -> None:
    connection = await asyncpg.connect(database.url("ates_auth"))
    await prepare(connection)
    assert await connection.fetch("SELECT * FROM auth.accounts") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE ROLE another")
    await connection.close()


async def test_an_absent_server_is_a_wait_and_not_a_crash() -> None:
    with pytest.raises(Unavailable):
        await migrate("postgresql://nobody@127.0.0.1:1/none", {})

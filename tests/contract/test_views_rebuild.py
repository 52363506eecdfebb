"""Read models built again from the log, on a real stack and under its feet."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import asyncpg
import pytest

from ates.tools.rebuild.run import together
from ates.topology import READ_MODELS as VIEWS

pytestmark = pytest.mark.stack


@pytest.fixture
def database(demo_database: Any) -> Any:
    return demo_database


async def content(database: Any) -> dict[str, Any]:
    """Every row of every view, and how far they had read."""
    return {view: sorted(map(tuple, await database.fetch(f"TABLE views.{view}"))) for view in (*VIEWS, "offsets")}


async def rebuild(stack: Any, *arguments: str) -> dict[str, Any]:
    done = await asyncio.to_thread(stack.ates, "views", "rebuild", "--json", *arguments)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


async def test_every_view_is_known_to_the_rebuild(database: Any) -> None:
    tables = {row[0] for row in await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'views'")}
    assert set(VIEWS) == tables - {"offsets"}


async def test_damaged_views_are_what_they_were_before_and_no_mail_is_sent(demo_stack: Any, database: Any) -> None:
    before = await content(database)
    mails = sorted(path.name for path in (demo_stack.data / "mail").rglob("*"))
    await database.execute("DELETE FROM views.tasks WHERE status = 'done'; TRUNCATE views.earnings")
    await database.execute("UPDATE views.balances SET balance_cents = 7; DELETE FROM views.accounts")
    said = await rebuild(demo_stack)
    assert await content(database) == before
    assert sorted(view for group in said["rebuilt"] for view in group["views"]) == sorted(VIEWS)
    assert sorted(path.name for path in (demo_stack.data / "mail").rglob("*")) == mails
    assert (await asyncio.to_thread(demo_stack.ates, "audit")).returncode == 0


async def test_one_view_takes_along_only_those_that_live_from_the_same_topics(demo_stack: Any, database: Any) -> None:
    before = await content(database)
    await database.execute("UPDATE views.tasks SET title = 'wrong'")
    await database.execute("UPDATE views.earnings SET fees_cents = 0")
    await rebuild(demo_stack, "balances")
    after = await content(database)
    assert {view for view in VIEWS if after[view] != before[view]} == {"tasks"}
    await rebuild(demo_stack, "tasks")
    assert await content(database) == before


async def test_readers_see_the_old_rows_and_the_worker_waits_and_goes_on(demo_stack: Any, database: Any) -> None:
    before = await content(database)
    async with database.transaction():
        await database.fetch("SELECT * FROM views.entries FOR KEY SHARE")  # keeps the rebuild in the middle of its work
        rebuilding = asyncio.create_task(rebuild(demo_stack, "entries"))
        settings = json.loads((demo_stack.data / "stack.json").read_text())
        reader = await asyncpg.connect(settings["env"]["ATES_POSTGRES"])
        while not await reader.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert await content(reader) == before
        await reader.close()
    await rebuilding
    assert await content(database) == before


async def test_two_at_once_take_turns(demo_stack: Any, database: Any) -> None:
    before = await content(database)
    await asyncio.gather(*(rebuild(demo_stack, "entries") for _ in range(2)))
    assert await content(database) == before


async def test_what_fails_changes_nothing(demo_stack: Any, database: Any) -> None:
    before = await content(database)
    command = [sys.executable, "-m", "ates", "views", "rebuild"]
    environ = {**demo_stack.environ, "ATES_KAFKA": "127.0.0.1:1"}
    done = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("ates: Kafka at 127.0.0.1:1")
    assert await content(database) == before


def test_views_that_share_topics_are_built_together() -> None:
    (group,) = together(["balances"])
    assert {"entries", "balances", "earnings"} <= set(group.views)
    assert len(together(VIEWS)) < len(VIEWS)
    assert sorted(view for group in together(VIEWS) for view in group.views) == sorted(VIEWS)

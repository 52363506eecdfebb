"""docs/migrations/0001-task-jira-id.md, step by step, on a real registry and a real topic: no title is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from fastavro import parse_schema, schemaless_reader

from ates.cli.schemas import register_all
from ates.domain.tasks.messages import TaskCreated
from ates.platform.kafka import admin_client, client_options, ensure_topics
from ates.platform.registry import Registry
from ates.platform.settings import load
from ates.schemas import history
from ates.schemas.codec import Codec
from ates.streams import Message, Send
from ates.workers.serde import Serde

pytestmark = pytest.mark.stack

EVENTS = "tasks.events"
FIRST, SECOND = history.versions(f"{EVENTS}-TaskCreated")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
SWITCH = MONDAY + timedelta(days=2)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
TITLES = [("UBERPOP-42", "Fix the beak"), (None, "Polish the perch"), ("NEST-7", "Count twigs - all of them")]
OLD_TITLES = ["[UBERPOP-42] - Fix the beak", "Polish the perch", "[NEST-7] - Count twigs - all of them"]


class Log:
    """A topic of the test's own, with records of `tasks.events`."""

    def __init__(self, settings: Any, registry: Registry) -> None:
        self.settings, self.registry, self.topic = settings, registry, f"rollout-{uuid4()}"

    async def write(self, at: datetime, titles_split_from: datetime | None) -> None:
        """What worker.tasks writes of three new tasks, set up like that."""
        codec = Codec(self.registry, writes_old=titles_split_from is not None)
        await codec.start()
        serde = Serde(codec, "tasks", titles_split_from=titles_split_from)
        cause = Message("tasks.commands", 0, 0, b"", None, str(uuid4()), at, {})
        async with AIOKafkaProducer(**client_options(self.settings)) as producer:
            for number, (jira_id, title) in enumerate(TITLES):
                task_id, author_id = str(uuid4()), str(uuid4())
                event = TaskCreated(
                    task_id=task_id, version=1, author_id=author_id, title=title, description="", jira_id=jira_id
                )
                out = serde.encode(cause, number, Send(EVENTS, event.task_id, event))
                await producer.send_and_wait(self.topic, out.value, key=out.key, headers=out.headers)

    async def values(self) -> list[bytes]:
        async with AIOKafkaConsumer(
            self.topic, **client_options(self.settings), auto_offset_reset="earliest"
        ) as consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            values: list[bytes] = []
            while sum(ends.values()) > len(values):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    values += [record.value for record in records]
        return values

    async def read_by_today(self) -> list[tuple[str | None, str]]:
        """What a replaced reader makes of all that is there."""
        codec = Codec(self.registry)
        await codec.start()
        await codec.load(await self.id_of(FIRST))
        events = [codec.decode(EVENTS, value) for value in await self.values()]
        return [(event.jira_id, event.title) for event in events]

    async def read_by_before(self) -> list[str]:
        """What a reader makes of it that knows only version 1: Avro resolves, and nobody puts the Jira id back."""
        writers = {await self.id_of(schema): parse_schema(schema) for schema in (FIRST, SECOND)}
        known = parse_schema(FIRST)
        found = [
            schemaless_reader(BytesIO(value[5:]), writers[int.from_bytes(value[1:5], "big")], known)
            for value in await self.values()
        ]
        assert all("jira_id" not in each for each in found)
        return [each["title"] for each in found]

    async def id_of(self, schema: dict[str, Any]) -> int:
        found = await self.registry.id_of(f"{EVENTS}-TaskCreated", schema)
        assert found
        return found


@pytest.fixture
async def rollout(stack: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimpleNamespace]:
    monkeypatch.setenv("ATES_DATA", str(stack.data))
    settings = load()
    async with Registry(settings) as registry:
        await register_all(registry)
        log = Log(settings, registry)
        async with admin_client(settings) as admin:
            await ensure_topics(admin, [NewTopic(log.topic, 1, 1)])
            yield SimpleNamespace(log=log)
            await admin.delete_topics([log.topic])


async def test_every_title_survives_the_rollout(rollout: Any) -> None:
    log = rollout.log
    # Step 2: writers are kept on version 1. This is the log of before.
    await log.write(MONDAY, NEVER)
    assert await log.read_by_before() == OLD_TITLES
    # Step 3: readers are replaced, while version 1 goes on being written.
    await log.write(MONDAY + timedelta(days=1), NEVER)
    assert await log.read_by_today() == TITLES * 2
    # Steps 4 and 5: the writer is given the moment. What belongs before it is still version 1, however late it comes.
    await log.write(SWITCH - timedelta(seconds=1), SWITCH)
    assert await log.read_by_before() == OLD_TITLES * 3
    await log.write(SWITCH, SWITCH)
    # Step 6: the setting is removed.
    await log.write(SWITCH + timedelta(days=1), None)
    assert await log.read_by_today() == TITLES * 5
    # A reader that was forgotten loses Jira ids of version 2, and fails at nothing.
    assert await log.read_by_before() == OLD_TITLES * 3 + [title for _, title in TITLES] * 2
    used = {int.from_bytes(value[1:5], "big") for value in await log.values()}
    assert used == {await log.id_of(FIRST), await log.id_of(SECOND)}

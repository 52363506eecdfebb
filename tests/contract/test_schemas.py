"""The schemas and a real registry: told once, asked by readers, and stubborn about what would break one."""

from __future__ import annotations

import asyncio
import copy
import logging
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from fastavro import parse_schema, schemaless_writer

from ates.cli import schemas as command
from ates.cli.main import main
from ates.domain.errors import Unavailable, Unprocessable
from ates.domain.tasks.messages import TaskAssigned, TaskCreated
from ates.platform.registry import COMPATIBILITY, Registry
from ates.platform.settings import Settings, load
from ates.schemas import history, tasks
from ates.schemas.avro import schema_of
from ates.schemas.codec import Codec
from ates.schemas.subjects import SUBJECTS

pytestmark = pytest.mark.stack

ASSIGNED = TaskAssigned(task_id=str(uuid4()), version=2, assignee_id=str(uuid4()), assignment=1)


@pytest.fixture
def settings(stack: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ATES_DATA", str(stack.data))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # commands configure a process of their own
    return load()


@pytest.fixture
def subject(monkeypatch: pytest.MonkeyPatch) -> str:
    """A subject of this test alone, which the command takes for the only one there is."""
    subject = f"test.{uuid4()}-TaskAssigned"
    monkeypatch.setattr(command, "SUBJECTS", {subject: tasks.TaskAssigned})
    monkeypatch.setattr(history, "SUBJECTS", {subject: tasks.TaskAssigned})
    return subject


def changed(field: str, **change: Any) -> dict[str, Any]:
    """The schema of TaskAssigned with something else about `field`."""
    schema = copy.deepcopy(schema_of(tasks.TaskAssigned))
    next(f for f in schema["fields"] if f["name"] == field).update(change)
    return schema


async def test_registering_twice_gives_the_same_ids(settings: Settings) -> None:
    async with Registry(settings) as registry:
        once = await command.register_all(registry)
        assert await command.register_all(registry) == once
        assert {await registry.compatibility(subject) for subject in SUBJECTS} == {COMPATIBILITY}


async def test_the_registry_holds_both_versions_of_a_created_task(settings: Settings) -> None:
    async with Registry(settings) as registry:
        await command.register_all(registry)
        versions = await registry.versions("tasks.events-TaskCreated")
    known = [{field["name"] for field in schema["fields"]} for schema in versions.values()]
    assert [("jira_id" in names) for names in known] == [False, True]


async def test_a_record_written_by_one_process_is_read_by_another(settings: Settings) -> None:
    async with Registry(settings) as registry:
        await command.register_all(registry)
    writer, reader = Codec(Registry(settings)), Codec(Registry(settings))
    await writer.start()
    await reader.start()
    assert reader.decode("tasks.events", writer.encode("tasks.events", ASSIGNED)) == ASSIGNED
    await writer.stop()
    await reader.stop()


async def test_a_task_created_with_the_first_version_is_read_as_one_of_today(settings: Settings) -> None:
    first, _ = history.versions("tasks.events-TaskCreated")
    fields = {"task_id": "t", "version": 1, "author_id": "a", "title": "[UBERPOP-42] - Fix the beak", "description": ""}
    async with Registry(settings) as registry:
        await command.register_all(registry)
        schema_id = await registry.id_of("tasks.events-TaskCreated", first)
        assert schema_id
        codec = Codec(registry)
        await codec.start()
        await codec.load(schema_id)
    out = BytesIO()
    out.write(b"\0" + schema_id.to_bytes(4, "big"))
    schemaless_writer(out, parse_schema(first), fields)
    assert codec.decode("tasks.events", out.getvalue()) == TaskCreated(
        task_id="t", version=1, author_id="a", title="Fix the beak", description="", jira_id="UBERPOP-42"
    )


async def test_an_id_that_the_registry_never_gave_is_poison(settings: Settings) -> None:
    async with Registry(settings) as registry:
        await command.register_all(registry)
        codec = Codec(registry)
        await codec.start()
        await codec.load(2**31 - 1)
    with pytest.raises(Unprocessable) as caught:
        codec.decode("tasks.events", b"\0\x7f\xff\xff\xff")
    assert caught.value.code == "unknown_schema"


async def test_a_registry_that_is_away_is_a_wait_and_not_poison() -> None:
    async with Registry(Settings(registry="http://127.0.0.1:9")) as registry:
        with pytest.raises(Unavailable):
            await Codec(registry).load(1)


async def _register_first(settings: Settings, subject: str, schema: dict[str, Any]) -> None:
    async with Registry(settings) as registry:
        await registry.register(subject, schema)
        await registry.demand_compatibility(subject, COMPATIBILITY)


def test_an_incompatible_change_fails_the_check_and_names_subject_and_field(
    settings: Settings, subject: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(_register_first(settings, subject, changed("assignment", type="string")))
    with pytest.raises(SystemExit) as left:
        main(["schemas", "check"])
    error = capsys.readouterr().err.splitlines()[-1]
    assert left.value.code == 1
    assert subject in error and "field assignment" in error


async def test_an_incompatible_change_is_refused_by_the_registry_itself(settings: Settings, subject: str) -> None:
    await _register_first(settings, subject, changed("assignment", type="string"))
    async with Registry(settings) as registry:
        with pytest.raises(Unprocessable) as caught:
            await command.register_all(registry)
    assert caught.value.code == "schema_refused" and subject in caught.value.detail


def test_a_compatible_change_passes_the_check(
    settings: Settings, subject: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(_register_first(settings, subject, changed("assignment", doc="in other words")))
    with pytest.raises(SystemExit) as left:
        main(["schemas", "check"])
    assert left.value.code == 0
    assert capsys.readouterr().out.strip() == f"{subject}: changed, compatible"

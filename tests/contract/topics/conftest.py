"""A topic of a test's own, what was put into it, and ways to look at it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from aiokafka.admin import NewTopic
from confluent_kafka import Producer
from gateway_to_topics import PARTITIONS, Gateway

from ates.cli.main import main
from ates.platform.kafka import admin_client, ensure_topics, librdkafka_options
from ates.platform.settings import Settings, load
from ates.tools.topics.browser import Topics, open_topics


@pytest.fixture(scope="session")
def gateway(stack: Any) -> Iterator[Gateway]:
    with httpx.Client(base_url=stack.gateway, timeout=60) as client:
        login = {"login": "admin", "password": stack.password("admin")}
        token = client.post("/auth/api/login", json=login).json()["access_token"]
        yield Gateway(stack.gateway, token, client)


@pytest.fixture(scope="session")
def settings(stack: Any) -> Settings:
    return load("", {"ATES_DATA": str(stack.data)})


@pytest.fixture
async def topics(settings: Settings) -> AsyncIterator[Topics]:
    async with open_topics(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def make_topic(settings: Settings) -> Iterator[Callable[..., str]]:
    """Makes a topic with `PARTITIONS` partitions and these settings; gone after the module."""
    made: list[str] = []

    async def create(name: str, config: dict[str, str]) -> None:
        async with admin_client(settings) as admin:
            await ensure_topics(admin, [NewTopic(name, PARTITIONS, 1, topic_configs=config)])

    async def delete() -> None:
        async with admin_client(settings) as admin:
            await admin.delete_topics(made)

    def make(**config: Any) -> str:
        made.append(f"test.looking.{uuid.uuid4().hex[:8]}")
        asyncio.run(create(made[-1], {name.replace("_", "."): str(value) for name, value in config.items()}))
        return made[-1]

    yield make
    if made:
        asyncio.run(delete())


@pytest.fixture
def ates(
    stack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command against the stack in this process, which is quick; fails the test when it fails."""
    monkeypatch.setenv("ATES_DATA", str(stack.data))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # commands configure a process of their own

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([*arguments])
        code, said = left.value.code, capsys.readouterr()
        assert not check or code == 0, said.err
        return subprocess.CompletedProcess(arguments, int(code or 0), said.out, said.err)

    return run


@pytest.fixture(scope="session")
def producer(settings: Settings) -> Producer:
    options = {"partitioner": "murmur2_random", "message.max.bytes": 2_000_000}
    # Idempotent: without it a request that is tried again, as the first to a new topic is, may come after the next one.
    return Producer(librdkafka_options(settings) | options | {"enable.idempotence": True})

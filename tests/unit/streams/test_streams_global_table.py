"""A global table skips what it cannot read, waits for what it needs, and is never silently behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from streams_fakes import Record, TextSerde, numbers

from ates.streams import Message, global_table
from ates.streams.context import TaskContext
from ates.streams.global_table import GlobalReader


def following(apply: Any, serde: TextSerde | None = None) -> GlobalReader:
    shared = TaskContext(group="g", client_options={}, producer_options={}, serde=serde or TextSerde())
    return GlobalReader("in", apply, shared)


async def taken(*values: Any, serde: TextSerde | None = None) -> list[int]:
    seen: list[int] = []

    def apply(message: Message) -> None:
        if message.value == 13:
            raise ValueError("13")
        seen.append(message.value)

    one = following(apply, serde)
    for record in numbers(*values):
        await one._take(record)
    return seen


async def test_what_cannot_be_read_is_skipped():
    assert await taken(1, b"?", None, 2) == [1, 2]


async def test_what_cannot_be_read_is_skipped_whatever_its_headers_are():
    seen: list[int] = []
    one = following(lambda message: seen.append(message.value))
    await one._take(Record(0, b"?", headers=(("ce_id", None), ("ce_id", b"\xff"), ("ce_id", None))))
    await one._take(*numbers(1))
    assert seen == [1]


async def test_what_cannot_be_applied_is_skipped():
    assert await taken(1, 13, 2) == [1, 2]


async def test_what_must_be_loaded_is_loaded():
    assert await taken(1, 2, serde=TextSerde(missing={b"2"})) == [1, 2]


async def test_after_any_error_it_begins_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(global_table, "RETRY_SECONDS", 0)
    attempts = asyncio.Semaphore(0)
    one = following(None)

    async def read() -> None:
        attempts.release()
        raise RuntimeError("a registry that is down, a topic that is not there yet, a defect")

    monkeypatch.setattr(one, "_read", read)
    await one.start()
    async with asyncio.timeout(20):
        for _ in range(3):
            await attempts.acquire()
    await one.stop()

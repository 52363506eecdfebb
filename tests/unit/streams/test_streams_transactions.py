"""The producer's thread: one call after another, and a client that never answers does not take the worker with it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ates.streams import transactions
from ates.streams.transactions import TransactionalProducer


@pytest.fixture
def producer() -> TransactionalProducer:
    return TransactionalProducer({}, "id", "group")


@pytest.fixture
def answer() -> Iterator[threading.Event]:
    """What a client waits for that does not heed its timeout."""
    answer = threading.Event()
    yield answer
    answer.set()


async def test_calls_are_made_one_after_the_other(producer):
    made: list[int] = []
    calls = [producer._call(lambda n=n: made.append(n)) for n in range(50)]
    await asyncio.gather(*calls)
    await producer.close()
    assert made == list(range(50))


async def test_what_a_call_raises_is_raised(producer):
    def call() -> None:
        raise OSError("broker away")

    with pytest.raises(OSError, match="broker away"):
        await producer._call(call)
    await producer.close()


async def test_a_client_that_never_answers_is_given_up_and_let_go_at_once(producer, answer, monkeypatch):
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", 0.01)
    with pytest.raises(TimeoutError, match="id: no answer"):
        await producer._call(answer.wait)
    monkeypatch.setattr(transactions, "GIVE_UP_SECONDS", 3600)
    async with asyncio.timeout(60):
        await producer.close()


async def test_closing_waits_for_the_call_of_a_cancelled_task(producer, answer):
    """Its transaction may still commit: whoever opens next must come after it."""
    begun = threading.Event()

    def commit() -> None:
        begun.set()
        answer.wait()

    task = asyncio.create_task(producer._call(commit))
    await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    closing = asyncio.create_task(producer.close())
    await asyncio.wait({closing}, timeout=0.05)
    assert not closing.done()
    answer.set()
    await closing


async def test_what_was_queued_by_a_cancelled_task_is_not_done(producer, answer):
    made: list[str] = []
    first = asyncio.create_task(producer._call(answer.wait))
    second = asyncio.create_task(producer._call(lambda: made.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait({second})
    await asyncio.sleep(0)
    answer.set()
    await first
    await producer.close()
    assert made == []


async def test_threads_end_with_their_producers(producer):
    await producer.close()
    await producer.close()
    for thread in threading.enumerate():
        if thread.name == "id":
            await asyncio.to_thread(thread.join, 20)
            assert not thread.is_alive()

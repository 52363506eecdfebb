"""Writing to a dead-letter topic: notes, and with them what a redrive sends. Blocks: call it in a thread.

The transactional id is the topic's own: whoever begins later fences whoever began before, and reads what waits only
then. So two people who act at once do nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException

from ates.domain.errors import Rejected
from ates.platform import reach
from ates.platform.kafka import client_options
from ates.streams.privates.transactions import Fenced, TransactionalProducer, TransactionError
from ates.tools.dead_letters.records import AT, BY, REASON, REQUEST, Letter
from ates.tools.topics.cluster import Cluster, unavailable

# What one transaction is about at most.
CHUNK_LETTERS = 200

Run = Callable[[Callable[[TransactionalProducer], Coroutine[Any, Any, Any]]], Any]


@dataclass(frozen=True, slots=True)
class Order:
    """Which letters somebody wants to act on, by whom and when (RFC 3339).

    names: letters by `PARTITION:OFFSET` or event id; empty for all
    request: the same for a request that is sent again, which then only says what it did; empty for none
    """

    topic: str
    names: tuple[str, ...]
    by: str
    at: str
    request: str = ""
    reason: str = ""


def about(kind: str, order: Order, letter: Letter) -> dict[str, str]:
    """The headers of a note of `kind`."""
    found = {kind: str(letter.offset), kind + AT: order.at, kind + BY: order.by, kind + REQUEST: order.request}
    return found | ({kind + REASON: order.reason} if order.reason else {})


@contextmanager
def opened(cluster: Cluster, topic: str) -> Iterator[Run]:
    """Something that runs work with a producer, on an event loop of its own: the rest of the work blocks."""
    producer = TransactionalProducer(client_options(cluster.settings), f"ates-redrive-{topic}")
    with asyncio.Runner() as runner:
        try:
            runner.run(producer.open())
            yield lambda work: runner.run(work(producer))
        finally:
            runner.run(producer.close())


@contextmanager
def errors(cluster: Cluster) -> Iterator[None]:
    """Raises `Rejected` `redrive_taken_over`, and `Unavailable` while Kafka is away."""
    try:
        yield
    except Fenced as error:
        detail = "Somebody else began to act on these letters; look at what they did."
        raise Rejected("redrive_taken_over", detail) from error
    except TransactionError as error:
        raise reach.reason_for_thread(cluster.settings, error) from error
    except KafkaException as error:
        raise unavailable(cluster.settings, error) from error

"""Sending what dead letters hold again, each once. Blocks: call it in a thread.

The transactional id is the topic's own: whoever begins later fences whoever began before, and reads what waits only
then. So two people who redrive at once send nothing twice.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import KafkaException

from ates.domain.errors import Rejected, Unavailable
from ates.platform.kafka import client_options
from ates.streams.batch import Outgoing
from ates.streams.transactions import Fenced, RecordsTooLarge, TransactionalProducer, TransactionError
from ates.tools.dead_letters import reader as reading
from ates.tools.dead_letters import records as letters
from ates.tools.dead_letters.records import Backlog, Letter
from ates.tools.topics.cluster import Cluster, unavailable
from ates.tools.topics.decoding import Decoder
from ates.tools.topics.records import Record

# What one transaction sends at most.
CHUNK_LETTERS = 200
CHUNK_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Done:
    """How many letters were sent again, and which were too large to be (`PARTITION:OFFSET`)."""

    redriven: int
    too_large: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent again, by whom and when (RFC 3339).

    name: one letter's `PARTITION:OFFSET` or event id; empty for all that wait
    request: the same for a request that is sent again, which then only says what it did; empty for none
    """

    topic: str
    name: str
    by: str
    at: str
    request: str = ""


def redrive(
    cluster: Cluster,
    decoder: Decoder,
    order: Order,
    stop: threading.Event,
    progress: Callable[[int, int], None] = lambda sent, of: None,
) -> Done:
    """Send what `order` names to where it came from.

    Raises `Rejected`: `letter_not_found`, `already_redriven`, `no_origin`, `too_large` (of one by name),
    `redrive_taken_over`.
    """
    with _errors(cluster), _opened(cluster, order.topic) as send:
        backlog = reading.read(cluster, decoder, order.topic, stop)
        sent = backlog.sent_by(order.request)
        chosen = {} if sent and order.name else {letter.at: letter for letter in choose(backlog, order.name)}
        too_large: list[str] = []
        for chunk in _chunks(cluster, decoder, order, chosen, stop):
            refused = send(order, chunk)
            sent += len(chunk) - len(refused)
            too_large += refused
            progress(sent, len(chosen))
        if too_large and order.name:
            detail = f"{order.name} does not fit into its topic with what a redrive adds to its headers"
            raise Rejected("too_large", detail)
        return Done(sent, tuple(too_large))


def choose(backlog: Backlog, name: str) -> Sequence[Letter]:
    """The letters to send: one by name, or all that wait and know where they came from."""
    if not name:
        return [letter for letter in backlog.waiting() if letter.origin]
    found = backlog.named(name)
    if not found:
        raise Rejected("letter_not_found", f"{backlog.topic} holds no letter {name}")
    waiting = [letter for letter in found if letter.redriven is None]
    if not waiting:
        noted = found[-1].redriven
        raise Rejected("already_redriven", f"{name} was sent again already, {noted.at if noted else ''}")
    if waiting[0].origin is None:
        raise Rejected("no_origin", f"{name} does not say where it came from")
    return waiting[:1]


def again(record: Record, order: Order, letter: Letter) -> Outgoing:
    """The original record as it is produced: its own headers, and who sent it again after how many failures. The
    letter and the group that failed come last, where `ates.streams.redriven` looks for them."""
    stamps = [
        ("dlq_attempts", str(letter.attempts)),
        (letters.REDRIVEN_AT, order.at),
        (letters.REDRIVEN_BY, order.by),
        *([("dlq_letter", str(letter.offset)), ("dlq_group", letter.group)] if letter.group else []),
    ]
    kept = [(name, value) for name, value in record.headers if not name.startswith(letters.PREFIX)]
    assert letter.origin is not None
    headers = [*kept, *((name, text.encode()) for name, text in stamps)]
    return Outgoing(letter.origin.topic, letter.origin.partition, record.key, record.value, headers)


def note(record: Record, order: Order, letter: Letter) -> Outgoing:
    """What lies beside the letter from then on."""
    assert letter.origin is not None
    about = {
        "dlq_topic": letter.origin.topic,
        "dlq_partition": letter.origin.partition,
        "dlq_offset": letter.origin.offset,
        letters.REDRIVEN: letter.offset,
        letters.REDRIVEN_AT: order.at,
        letters.REDRIVEN_BY: order.by,
        letters.REQUEST: order.request,
    }
    headers = [(name, str(value).encode()) for name, value in about.items()]
    return Outgoing(record.topic, record.partition, record.key, None, headers)


Chunk = list[tuple[Record, Letter]]


def _chunks(
    cluster: Cluster, decoder: Decoder, order: Order, chosen: dict[letters.At, Letter], stop: threading.Event
) -> Iterator[Chunk]:
    starts: dict[int, int] = {}
    for partition, offset in chosen:
        starts[partition] = min(offset, starts.get(partition, offset))
    if not starts:
        return
    chunk: Chunk = []
    size = 0
    for record in reading.records(cluster, decoder, order.topic, stop, starts, starts):
        letter = chosen.get((record.partition, record.offset))
        if letter is None:
            continue
        chunk.append((record, letter))
        size += record.size
        if len(chunk) >= CHUNK_LETTERS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


@contextmanager
def _opened(cluster: Cluster, topic: str) -> Iterator[Callable[[Order, Chunk], list[str]]]:
    """Something that sends a chunk, on an event loop of its own: the rest of a redrive blocks."""
    producer = TransactionalProducer(client_options(cluster.settings), f"ates-redrive-{topic}")
    with asyncio.Runner() as runner:
        try:
            runner.run(producer.open())
            yield lambda order, chunk: runner.run(_send(producer, order, chunk))
        finally:
            runner.run(producer.close())


async def _send(producer: TransactionalProducer, order: Order, chunk: Chunk) -> list[str]:
    """All of `chunk` in one transaction, but for those that their topics will not take, which are named."""
    sent = {letter.id: again(record, order, letter) for record, letter in chunk}
    notes = {letter.id: note(record, order, letter) for record, letter in chunk}
    too_large: list[str] = []
    while sent:
        try:
            await producer.commit([*sent.values(), *(notes[name] for name in sent)])
            break
        except RecordsTooLarge as refused:
            names = [name for name, record in sent.items() if any(record is one for one in refused.records)]
            if not names:
                raise
            too_large += names
            sent = {name: record for name, record in sent.items() if name not in names}
            if not producer.is_open:
                await producer.open()
    return too_large


@contextmanager
def _errors(cluster: Cluster) -> Iterator[None]:
    try:
        yield
    except Fenced as error:
        detail = "Somebody else began to send these letters again; look at what they did."
        raise Rejected("redrive_taken_over", detail) from error
    except TransactionError as error:
        raise Unavailable("kafka_unavailable", f"Kafka at {cluster.settings.kafka}: {error}") from error
    except KafkaException as error:
        raise unavailable(cluster.settings, error) from error

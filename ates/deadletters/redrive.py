"""Sending what dead letters hold again, each once. Blocks: call it in a thread.

The transactional id is the topic's own: whoever begins later fences whoever began before, and reads what waits only
then. So two people who redrive at once send nothing twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from ates.deadletters import letters, reading
from ates.deadletters.letters import Letter, Pile
from ates.errors import Rejected
from ates.kafka import librdkafka_options
from ates.topics.cluster import Cluster, unavailable
from ates.topics.decoding import Decoder
from ates.topics.records import Record
from ates.topology_types import DEAD_LETTER_BYTES_MAX

TIMEOUT_S = 15.0
# What one transaction sends at most.
CHUNK_LETTERS = 200
CHUNK_BYTES = 8 << 20

# What goes wrong is raised, and told once.
_SILENT = logging.Logger("ates.redrive", logging.CRITICAL + 1)

_FENCED = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)


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
    with _errors(cluster):
        producer = _producer(cluster, order.topic)
        producer.init_transactions(TIMEOUT_S)
        pile = reading.read(cluster, decoder, order.topic, stop)
        sent = pile.sent_by(order.request)
        chosen = {} if sent and order.name else {letter.at: letter for letter in choose(pile, order.name)}
        too_large: list[str] = []
        for chunk in _chunks(cluster, decoder, order, chosen, stop):
            refused = _send(producer, order, chunk)
            sent += len(chunk) - len(refused)
            too_large += refused
            progress(sent, len(chosen))
        if too_large and order.name:
            detail = f"{order.name} does not fit into its topic with what a redrive adds to its headers"
            raise Rejected("too_large", detail, status=422)
        return Done(sent, tuple(too_large))


def choose(pile: Pile, name: str) -> Sequence[Letter]:
    """The letters to send: one by name, or all that wait and know where they came from."""
    if not name:
        return [letter for letter in pile.waiting() if letter.origin]
    found = pile.named(name)
    if not found:
        raise Rejected("letter_not_found", f"{pile.topic} holds no letter {name}", status=404)
    waiting = [letter for letter in found if letter.redriven is None]
    if not waiting:
        noted = found[-1].redriven
        raise Rejected("already_redriven", f"{name} was sent again already, {noted.at if noted else ''}", status=409)
    if waiting[0].origin is None:
        raise Rejected("no_origin", f"{name} does not say where it came from", status=422)
    return waiting[:1]


def again(record: Record, order: Order, letter: Letter) -> dict[str, Any]:
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
    return {
        "topic": letter.origin.topic,
        "partition": letter.origin.partition,
        "key": record.key,
        "value": record.value,
        "headers": [*kept, *((name, text.encode()) for name, text in stamps)],
    }


def note(record: Record, order: Order, letter: Letter) -> dict[str, Any]:
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
    return {
        "topic": record.topic,
        "partition": record.partition,
        "key": record.key,
        "value": None,
        "headers": [(name, str(value).encode()) for name, value in about.items()],
    }


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


def _producer(cluster: Cluster, topic: str) -> Producer:
    return Producer(
        {
            **librdkafka_options(cluster.settings),
            "transactional.id": f"ates-redrive-{topic}",
            "message.max.bytes": DEAD_LETTER_BYTES_MAX,
            "transaction.timeout.ms": int(TIMEOUT_S * 1000),
        },
        logger=_SILENT,
    )


def _send(producer: Producer, order: Order, chunk: Chunk) -> list[str]:
    """All of `chunk` in one transaction, but for those that their topics will not take, which are named."""
    too_large: list[str] = []
    while fitting := [(record, letter) for record, letter in chunk if letter.id not in too_large]:
        refused = _try(producer, order, fitting)
        if not refused:
            producer.commit_transaction(TIMEOUT_S)
            break
        producer.abort_transaction(TIMEOUT_S)
        too_large += refused
    return too_large


def _try(producer: Producer, order: Order, chunk: Chunk) -> list[str]:
    refused: dict[str, KafkaError] = {}

    def told(letter: Letter) -> Callable[[Any, Any], None]:
        return lambda error, _: refused.update({letter.id: error}) if error else None

    producer.begin_transaction()
    for record, letter in chunk:
        producer.produce(**again(record, order, letter), on_delivery=told(letter))
        producer.produce(**note(record, order, letter))
    producer.flush(TIMEOUT_S)
    too_large = [name for name, error in refused.items() if error.code() == KafkaError.MSG_SIZE_TOO_LARGE]
    if refused and not too_large:
        raise KafkaException(next(iter(refused.values())))
    return too_large


@contextmanager
def _errors(cluster: Cluster) -> Iterator[None]:
    try:
        yield
    except (KafkaException, SystemError) as error:
        # Fenced in the middle of a flush, the client returns, and raises too: that is a SystemError because of it.
        reason = error if isinstance(error, KafkaException) else error.__cause__
        if not isinstance(reason, KafkaException):
            raise
        if reason.args and reason.args[0].code() in _FENCED:
            detail = "Somebody else began to send these letters again; look at what they did."
            raise Rejected("redrive_taken_over", detail) from error
        raise unavailable(cluster.settings, reason) from error

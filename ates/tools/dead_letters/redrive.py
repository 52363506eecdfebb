"""Sending what dead letters hold again, each once. Blocks: call it in a thread.

Two people who redrive at once send nothing twice (`ates.tools.dead_letters.writer`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ates.domain.errors import Rejected
from ates.streams.batch import Outgoing
from ates.streams.privates.transactions import RecordsTooLarge, TransactionalProducer
from ates.tools.dead_letters import reader as reading
from ates.tools.dead_letters import records as letters
from ates.tools.dead_letters.records import REDRIVEN, Backlog, Letter
from ates.tools.dead_letters.writer import CHUNK_LETTERS, Order, about, errors, opened
from ates.tools.topics.cluster import Cluster
from ates.tools.topics.decoding import Decoder
from ates.tools.topics.records import Record

# What one transaction sends at most.
CHUNK_BYTES = 8 << 20


EDITED = "dlq_edited"  # on a record that was sent again, and on its note: it is an edited copy of the letter


@dataclass(frozen=True, slots=True)
class Copy:
    """An edited copy of a letter, sent in its place; it goes by its key's hash when the key is another one."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Done:
    """How many letters were sent again, and which were too large to be (`PARTITION:OFFSET`)."""

    redriven: int
    too_large: tuple[str, ...] = ()


def redrive(
    cluster: Cluster,
    decoder: Decoder,
    order: Order,
    stop: threading.Event,
    progress: Callable[[int, int], None] = lambda sent, of: None,
    copy: Copy | None = None,
) -> Done:
    """Send what `order` names to where it came from; in the place of one letter its edited `copy`.

    Raises `Rejected`: `letter_not_found`, `already_redriven`, `no_origin`, `too_large` (of one by name),
    `redrive_taken_over`.
    """
    with errors(cluster), opened(cluster, order.topic) as run:
        backlog = reading.read(cluster, decoder, order.topic, stop)
        before = backlog.noted_by(order.request)
        chosen = {letter.at: letter for letter in choose(backlog, order.names, before)}
        sent = len(before)
        too_large: list[str] = []
        for chunk in _chunks(cluster, decoder, order, chosen, stop):
            refused = run(partial(_send, order=order, chunk=chunk, copy=copy))
            sent += len(chunk) - len(refused)
            too_large += refused
            progress(sent, len(chosen))
        if too_large and len(order.names) == 1:
            detail = f"{too_large[0]} does not fit into its topic with what a redrive adds to its headers"
            raise Rejected("too_large", detail)
        return Done(sent, tuple(too_large))


def choose(backlog: Backlog, names: Sequence[str], sent: Container[letters.At] = ()) -> list[Letter]:
    """The letters to send: those named but for those `sent`, or all that wait and know where they came from."""
    if not names:
        return [letter for letter in backlog.waiting() if letter.origin]
    return [_chosen(backlog, name) for name in names if not any(each.at in sent for each in backlog.named(name))]


def _chosen(backlog: Backlog, name: str) -> Letter:
    """One that waits rather than one that is set aside."""
    found = backlog.named(name)
    if not found:
        raise letter_not_found(backlog, name)
    left = sorted((letter for letter in found if letter.redriven is None), key=lambda letter: not letter.waits)
    if not left:
        raise already_redriven(name, found[-1])
    if left[0].origin is None:
        raise Rejected("no_origin", f"{name} does not say where it came from")
    return left[0]


def letter_not_found(backlog: Backlog, name: str) -> Rejected:
    """404."""
    return Rejected("letter_not_found", f"{backlog.topic} holds no letter {name}")


def already_redriven(name: str, letter: Letter) -> Rejected:
    """409, saying when."""
    at = letter.redriven.at if letter.redriven else ""
    return Rejected("already_redriven", f"{name} was sent again already, {at}")


def again(record: Record, order: Order, letter: Letter, copy: Copy | None = None) -> Outgoing:
    """The original record as it is produced: its own headers, and who sent it again after how many failures. The
    letter and the group that failed come last, where `ates.streams.redriven` looks for them. A copy is another record,
    so it is for every group."""
    stamps = [
        ("dlq_attempts", str(letter.attempts)),
        (REDRIVEN + letters.AT, order.at),
        (REDRIVEN + letters.BY, order.by),
        *([("dlq_letter", str(letter.offset)), ("dlq_group", letter.group)] if letter.group else []),
    ]
    assert letter.origin is not None
    if copy is not None:
        stamps = [*stamps[:3], (EDITED, "1")]
        headers = [*copy.headers, *((name, text.encode()) for name, text in stamps)]
        partition = letter.origin.partition if copy.key == record.key else None
        return Outgoing(letter.origin.topic, partition, copy.key, copy.value, headers)
    kept = [(name, value) for name, value in record.headers if not name.startswith(letters.PREFIX)]
    headers = [*kept, *((name, text.encode()) for name, text in stamps)]
    return Outgoing(letter.origin.topic, letter.origin.partition, record.key, record.value, headers)


def note(record: Record, order: Order, letter: Letter, copy: Copy | None = None) -> Outgoing:
    """What lies beside the letter from then on."""
    assert letter.origin is not None
    origin = {
        "dlq_topic": letter.origin.topic,
        "dlq_partition": str(letter.origin.partition),
        "dlq_offset": str(letter.origin.offset),
    }
    edited = {EDITED: "1"} if copy else {}
    headers = [(name, text.encode()) for name, text in (origin | about(REDRIVEN, order, letter) | edited).items()]
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


async def _send(producer: TransactionalProducer, *, order: Order, chunk: Chunk, copy: Copy | None) -> list[str]:
    """All of `chunk` in one transaction, but for those that their topics will not take, which are named."""
    sent = {letter.id: again(record, order, letter, copy) for record, letter in chunk}
    notes = {letter.id: note(record, order, letter, copy) for record, letter in chunk}
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

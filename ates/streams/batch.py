"""One batch through a handler: pure, synchronous, and therefore the part that a simulator can try with every fault.

`run` turns a batch of raw records into everything that one transaction must write.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec import Struct

from ates.streams.effects import Delete, Effect, Handler, Message, Put, Send, TimerResult
from ates.streams.state import State, Store, StoreFailed
from ates.streams.under_way import UnderWay
from ates.streams.unsupported import Unsupported

logger = logging.getLogger("ates.streams")

ATTEMPTS = "dlq_attempts"
GROUP = "dlq_group"

# A transaction stays bounded whatever single records lead to: a full one is committed, the rest follows in the next.
OUTGOING_LIMIT = 10_000


class Undecodable(Exception):
    """A record that can never be decoded. `code` is stable, the text is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class NotLoaded(Exception):
    """Decoding needs something that `Serde.load` can fetch; the batch is run again afterwards."""

    async def load(self) -> None:
        """Fetch it, where the exception itself knows how."""
        raise self


class Serde(Protocol):
    """How records become messages, and effects become records."""

    def decode(self, record: Any) -> Message:
        """Raises `Undecodable` for what can never be read, `NotLoaded` for what can be after `load`."""

    async def load(self, missing: NotLoaded) -> None:
        """Fetch what `decode` missed. Raises when it cannot be fetched now; the batch waits."""

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        """The record for the `number`-th send that `cause` led to; the same call gives the same identity."""


IN_TURN = -1
"""For `Outgoing.partition`: one partition after the other, for records without a key."""


class Outgoing(Struct, frozen=True):
    """A record to write. `partition` None: by the key's hash; `timestamp_ms` None: when it is written."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp_ms: int | None = None


UpsertKey = tuple[str, int | None, Any]
"""Topic, partition if it is named, key."""


@dataclass(slots=True)
class Result:
    """The effects of the first `read` records of a batch, all of it or nothing; `dead` of them had no effect."""

    outgoing: list[Outgoing]
    changes: dict[str, dict[str, Any]]
    read: int
    dead: int


def run(
    records: Sequence[Any],
    stores: Mapping[str, Store],
    handler: Handler,
    serde: Serde,
    dead_letters: DeadLetters,
    others: Container[int] = (),
    under_way: UnderWay | None = None,
    doomed: Mapping[int, Exception] | None = None,
) -> Result:
    """Decode, handle and encode `records` in order over an overlay of `stores`, until `OUTGOING_LIMIT` is reached.

    Records at the offsets `others` are for another consumer group (`OtherGroups`) and have no effect here. A record
    that fails becomes one dead letter, none of its effects stay, and the next one is handled. Records of `doomed`
    become dead letters untried. `under_way` notes each record before it is decoded.
    Raises `NotLoaded`, `StoreFailed`, and `Unsupported`.
    """
    state = State(stores)
    outgoing: list[Outgoing] = []
    upserts: dict[UpsertKey, Outgoing] = {}
    dead = read = 0
    under_way = under_way or UnderWay()
    doomed = doomed or {}
    for record in records:
        if len(outgoing) + len(upserts) >= OUTGOING_LIMIT:
            break
        read += 1
        if record.offset in others:
            continue
        try:
            under_way.begin(record.offset)
            if record.offset in doomed:
                raise doomed[record.offset]
            message = serde.decode(record)
            sent, replacing = _settle(state, message, handler(state, message), serde)
        except (NotLoaded, StoreFailed, Unsupported):
            raise
        except Exception as error:
            if dead_letters.accepts(error):
                outgoing.append(dead_letters.letter(record, error))
            else:
                logger.warning("skipped: %s", error, extra=origin_of(record))
            dead += 1
            continue
        outgoing += sent
        upserts |= replacing
    return Result([*outgoing, *upserts.values()], state.changes(), read, dead)


def run_timer(state: State, result: TimerResult, serde: Serde) -> Result:
    """The records and changes of a timer; no record is read."""
    sent, upserts = _settle(state, result.cause, result.effects, serde, result.number)
    return Result([*sent, *upserts.values()], state.changes(), 0, 0)


def _settle(
    state: State, cause: Message, effects: Iterable[Effect], serde: Serde, number: int = 0
) -> tuple[list[Outgoing], dict[UpsertKey, Outgoing]]:
    """Encode what is sent, its first record as the `number`-th of `cause`, then write the rest to `state`: all of it,
    or after an exception nothing.

    Returns the records to append, and the upserts by key: a later upsert replaces an earlier one.
    """
    sent: list[Outgoing] = []
    upserts: dict[UpsertKey, Outgoing] = {}
    changes: list[Put | Delete] = []
    for effect in effects:
        if isinstance(effect, Send):
            record = serde.encode(cause, number, effect)
            number += 1
            if effect.upsert:
                upserts[effect.topic, effect.partition, effect.key] = record
            else:
                sent.append(record)
        else:
            changes.append(effect)
    state.evolve(changes)
    return sent, upserts


def origin_of(record: Any) -> dict[str, Any]:
    """Where a record lies and, when it says so, which event it is (the CloudEvents header): fields for the log."""
    event_id = (dict(record.headers).get("ce_id") or b"").decode("utf-8", "replace")
    return {
        "topic": record.topic, "partition": record.partition, "offset": record.offset, "event_id": event_id
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead-letter topic of one source topic: the original bytes and headers, with the origin in headers.

    A record whose handling raises becomes a dead letter. An exception with a `code` is a refusal; any other is a
    defect, and its traceback goes to the log. `unreadable` False: undecodable records are skipped, because another
    reader of the topic writes their dead letters; a record that our own handler refuses still becomes one. Without a
    `topic` there are none, by choice: a record that fails is skipped.
    """

    topic: str
    group: str
    unreadable: bool = True

    def accepts(self, error: Exception) -> bool:
        """Whether this group writes the dead letter of a record that failed with `error`."""
        return bool(self.topic) and (self.unreadable or not isinstance(error, Undecodable))

    def letter(self, record: Any, error: Exception) -> Outgoing:
        """The dead letter of `record`: same partition, same key, so that a redrive goes back where it came from."""
        code = getattr(error, "code", None)
        logger.warning(
            "dead letter: %s: %s",
            code or "unexpected",
            error,
            exc_info=None if code else error,
            extra=origin_of(record),
        )
        kept = [(name, value) for name, value in record.headers if not name.startswith("dlq_")]
        origin = {
            "dlq_topic": record.topic,
            "dlq_partition": record.partition,
            "dlq_offset": record.offset,
            "dlq_error": f"{code or 'unexpected'}: {error}"[:1000],
            ATTEMPTS: _attempts(record) + 1,
        }
        if not isinstance(error, Undecodable):
            # Others may have handled it. A record that nobody could read is for all of them, once it can be read.
            origin[GROUP] = self.group
        headers = kept + [(name, str(value).encode()) for name, value in origin.items()]
        return Outgoing(self.topic, record.partition, record.key, record.value, headers)


def _attempts(record: Any) -> int:
    """How often `record` has failed before. Its headers are as little to be trusted as the rest of it."""
    attempts = dict(record.headers).get(ATTEMPTS) or b""
    return int(attempts) if attempts.isdigit() and len(attempts) < 10 else 0

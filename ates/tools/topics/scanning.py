"""Reading spans of partitions forward, message by message. Blocks: one scanner belongs to one thread at a time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from confluent_kafka import OFFSET_END, KafkaError, KafkaException, TopicPartition

from ates.domain.errors import Unavailable
from ates.tools.topics.cluster import At, Cluster, unavailable
from ates.tools.topics.decoding import Decoded
from ates.tools.topics.records import Record

BATCH = 2000
POLL_S = 0.2
_WAKE_S, _NUDGE_S = 1.0, 0.05
# Kafka answers fetches at once where there is something; so long a silence means that it is away.
SILENCE_S = 10.0


class Selector(Protocol):
    """Takes a message of the client, decoded, or turns it away with None (`ates.tools.topics.filters.RecordFilter`)."""

    def take(self, message: Any) -> Decoded | None: ...

    def key(self, message: Any) -> Decoded | None:
        """The key, if it was written with a schema and is looked at."""
        return None


class Stopped(Exception):
    """Whoever wanted this is gone."""


@dataclass(slots=True)
class Limits:
    """How much one request may read. `records` scanned; `deadline` of `time.monotonic`; `stop` is set from outside."""

    records: int
    deadline: float
    stop: threading.Event = field(default_factory=threading.Event)
    scanned: int = 0

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.deadline

    @property
    def used_up(self) -> bool:
        """Whether to end here and say so."""
        return self.scanned >= self.records or self.late

    def check(self) -> None:
        """Raises `Stopped`."""
        if self.stop.is_set():
            raise Stopped


K = TypeVar("K", bound=Hashable)


class _Scanner(Generic[K]):
    """Reads partitions from `starts` on, by their keys. `positions` say where to go on: all before was looked at."""

    def __init__(self, cluster: Cluster, selector: Selector, starts: Mapping[K, int], **options: Any) -> None:
        self._cluster = cluster
        self._selector = selector
        self.positions = dict(starts)
        # How many messages were looked at.
        self.scanned = 0
        self._options = options
        self._consumer, self._new = cluster.lend(**options)
        self._broken = False
        self._reading = dict.fromkeys(starts, 2**63 - 1)
        self._heard = time.monotonic()
        self._assign(starts)

    def _at(self, key: K) -> At:
        """The partition of a key."""
        raise NotImplementedError

    def _key(self, message: Any) -> K:
        """The key of a message's partition."""
        raise NotImplementedError

    def _assign(self, starts: Mapping[K, int]) -> None:
        self._consumer.assign([TopicPartition(*self._at(key), at) for key, at in starts.items()])
        self._bounded = False
        if not self._new:
            self._wake()
        self._new = self._new and not starts

    def _wake(self) -> None:
        """librdkafka's threads of brokers that had nothing to fetch sleep for up to a second, whatever is assigned to
        them meanwhile; a request wakes those of all leaders."""
        if self.positions:
            latest = [TopicPartition(*self._at(key), OFFSET_END) for key in self.positions]
            with contextlib.suppress(KafkaException):
                self._consumer.offsets_for_times(latest, timeout=_WAKE_S)

    def close(self) -> None:
        """Let go of the connections, or leave them to the next reader."""
        if self._broken:
            self._consumer.close()
        else:
            self._cluster.give_back(self._consumer, **self._options)

    def until(self, ends: Mapping[K, int]) -> None:
        """Read each partition up to its end only; those without one, and those that are there already, no more. Once
        after the start or a jump."""
        self._reading = {n: ends[n] for n, at in self.positions.items() if at < ends.get(n, 0)}
        self._leave([n for n in self.positions if n not in self._reading])
        self._bounded = True

    def leave(self, partition: K, position: int) -> None:
        """Read this partition no further; what follows `position` has not been looked at."""
        self.positions[partition] = position
        self._finish(partition)

    def jump(self, starts: Mapping[K, int]) -> None:
        """Read on elsewhere."""
        self.positions = dict(starts)
        self._reading = dict.fromkeys(starts, 2**63 - 1)
        self._assign(starts)

    @property
    def reading(self) -> list[K]:
        """The partitions that are not at their ends."""
        return [*self._reading]

    @property
    def done(self) -> bool:
        """Whether every partition has been read to its end."""
        return not self._reading

    def step(self, count: int = BATCH, seconds: float = POLL_S) -> Iterator[Record]:
        """The next messages, of those up to `count`, that match. Raises `Unavailable` when Kafka falls silent.

        Positions move as the iterator does: stop it anywhere, and the rest has not been looked at.
        """
        messages = self._messages(count, seconds)
        if messages:
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > SILENCE_S:
            # At the end of all partitions nobody speaks either; ask.
            if reason := self._cluster.answers(POLL_S * 5):
                self._broken = True
                raise Unavailable("kafka_unavailable", reason)
            self._heard = time.monotonic()
        for message in messages:
            number = self._key(message)
            if error := message.error():
                self._reached(message, error)
                continue
            end = self._reading.get(number)
            if end is None:
                continue
            offset = message.offset()
            if offset >= end:
                self.positions[number] = end
                self._finish(number)
                continue
            if offset < self.positions[number]:
                continue  # from before a jump
            self.scanned += 1
            decoded = self._selector.take(message)
            self.positions[number] = offset + 1
            if decoded is not None:
                yield Record.of(message, decoded, self._selector.key(message))

    def _messages(self, count: int, seconds: float) -> list[Any]:
        """What has come; if nothing, what comes next. (`consume` alone waits for all of `count`, however long.)"""
        messages: list[Any] = self._consumer.consume(count, 0)
        if not messages and self._bounded and not (messages := self._consumer.consume(1, _NUDGE_S)):
            self._wake()
        if not messages and (messages := self._consumer.consume(1, seconds)):
            messages += self._consumer.consume(count - 1, 0)
        return messages

    def _reached(self, message: Any, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            number = self._key(message)
            if number not in self._reading:
                return
            # What ends a transaction is never delivered: only this says that it has been passed.
            self.positions[number] = max(self.positions[number], message.offset())
            if self.positions[number] >= self._reading[number]:
                self._finish(number)
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            # Retention or compaction took it meanwhile: go on at what is left.
            number, at = self._key(message), self._at(self._key(message))
            self.positions[number] = max(self._cluster.firsts([at])[at], self.positions[number])
            self._consumer.seek(TopicPartition(*at, self.positions[number]))
        elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._broken = True
            raise unavailable(self._cluster.settings, KafkaException(error))

    def _finish(self, partition: K) -> None:
        self._reading.pop(partition, None)
        self._leave([partition])

    def _leave(self, partitions: list[K]) -> None:
        if partitions:
            self._consumer.incremental_unassign([TopicPartition(*self._at(key)) for key in partitions])


class Scanner(_Scanner[int]):
    """Reads partitions of one topic, by number."""

    def __init__(
        self, cluster: Cluster, topic: str, selector: Selector, starts: Mapping[int, int], **options: Any
    ) -> None:
        self._topic = topic
        super().__init__(cluster, selector, starts, **options)

    def _at(self, key: int) -> At:
        return self._topic, key

    def _key(self, message: Any) -> int:
        # A consumer that was lent before may still hold a record of another topic.
        return message.partition() if message.topic() == self._topic else -1


class TopicsScanner(_Scanner[At]):
    """Reads partitions of several topics at once: one answer of Kafka has records of all of them."""

    def _at(self, key: At) -> At:
        return key

    def _key(self, message: Any) -> At:
        return message.topic(), message.partition()


@contextlib.contextmanager
def scanning_topics(
    cluster: Cluster, selector: Selector, starts: Mapping[At, int], **options: Any
) -> Iterator[TopicsScanner]:
    """One of several topics that is closed at the end."""
    scanner = TopicsScanner(cluster, selector, starts, **options)
    try:
        yield scanner
    finally:
        scanner.close()


@contextlib.contextmanager
def scanning(
    cluster: Cluster, topic: str, selector: Selector, starts: Mapping[int, int], **options: Any
) -> Iterator[Scanner]:
    """A scanner that is closed at the end."""
    scanner = Scanner(cluster, topic, selector, starts, **options)
    try:
        yield scanner
    finally:
        scanner.close()

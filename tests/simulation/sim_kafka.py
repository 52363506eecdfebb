"""Kafka, as far as exactly-once depends on it: logs, transactions, fencing, markers that come late, lost offsets.

Everything happens at once or not at all; whatever lies between two calls is a place where a process can die.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ates.streams.transactions import Fenced

Partition = tuple[str, int]

OFFSETS: Partition = ("__consumer_offsets", 0)


@dataclass(slots=True)
class Record:
    """What a consumer hands over. `value` is the decoded thing itself: encoding is not what is tried here."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: Any
    headers: list[tuple[str, bytes]]


@dataclass(slots=True, eq=False)
class Transaction:
    """`outcome` is None until it is decided; a decided one is seen partition by partition, as markers arrive."""

    outcome: bool | None = None
    unmarked: set[Partition] = field(default_factory=set)
    offsets: dict[Partition, int] = field(default_factory=dict)


@dataclass(slots=True)
class Log:
    """Entries of a partition; None is a marker. `undecided`: first offset of each transaction without its marker."""

    entries: list[tuple[Record, Transaction | None] | None] = field(default_factory=list)
    undecided: dict[Transaction, int] = field(default_factory=dict)

    @property
    def stable(self) -> int:
        """The last stable offset: nobody reads beyond it."""
        return min(self.undecided.values(), default=len(self.entries))


class Kafka:
    """One broker that never dies; those who talk to it do. `changed`: partitions written to since somebody looked."""

    def __init__(self) -> None:
        self.logs: dict[Partition, Log] = defaultdict(Log)
        self.group: dict[Partition, int] = {}
        self.changed: dict[Partition, None] = {}
        self._epochs: dict[str, int] = defaultdict(int)
        self._current: dict[str, Transaction] = {}

    def append(self, topic: str, partition: int, key: bytes | None, value: Any) -> Record:
        """A record outside of any transaction."""
        return self._append(topic, partition, key, value, [], None)

    def read(self, partition: Partition, offset: int, limit: int = 1_000_000) -> tuple[list[Record], int]:
        """Committed records from `offset` on, and where to go on reading."""
        log = self.logs[partition]
        found: list[Record] = []
        stable = log.stable
        while offset < stable and len(found) < limit:
            entry = log.entries[offset]
            offset += 1
            if entry is not None and (entry[1] is None or entry[1].outcome):
                found.append(entry[0])
        return found, offset

    def committed(self, partition: Partition) -> int | None:
        """The group's offset."""
        return self.group.get(partition)

    def init(self, producer: str) -> int:
        """Fence earlier owners of the id, settle what they left; the new epoch."""
        self.expire(producer)
        self.settle(producer)
        return self._epochs[producer]

    def expire(self, producer: str) -> None:
        """Abort an open transaction, be it for its age or its owner's successor; its owner may not go on."""
        transaction = self._current.get(producer)
        if transaction is not None and transaction.outcome is None:
            transaction.outcome = False
        self._epochs[producer] += 1

    def begin(self, producer: str, epoch: int) -> None:
        """A transaction after another one: its markers come first."""
        self._check(producer, epoch)
        self.settle(producer)
        self._current[producer] = Transaction()

    def produce(self, producer: str, epoch: int, topic: str, partition: int, outgoing: Any) -> int:
        """The record's offset."""
        transaction = self._check(producer, epoch)
        headers = outgoing.headers
        return self._append(topic, partition, outgoing.key, outgoing.value, headers, transaction).offset

    def send_offset(self, producer: str, epoch: int, source: Partition, offset: int) -> None:
        """The group's offset, with the transaction."""
        transaction = self._check(producer, epoch)
        transaction.offsets[source] = offset
        transaction.unmarked.add(OFFSETS)

    def commit(self, producer: str, epoch: int) -> None:
        """The decision. From here on nothing undoes it."""
        self._check(producer, epoch).outcome = True

    def undecided(self) -> list[str]:
        """Producers with a transaction that is decided, but not everywhere visible yet."""
        return [p for p, t in self._current.items() if t.outcome is not None and t.unmarked]

    def open(self) -> list[str]:
        """Producers with a transaction that is not decided."""
        return [p for p, t in self._current.items() if t.outcome is None]

    def settle(self, producer: str) -> None:
        """Write all markers that are missing."""
        transaction = self._current.get(producer)
        while transaction is not None and transaction.outcome is not None and transaction.unmarked:
            self.mark(producer, min(transaction.unmarked))

    def unmarked(self, producer: str) -> list[Partition]:
        """Where markers are missing."""
        return sorted(self._current[producer].unmarked)

    def mark(self, producer: str, partition: Partition) -> None:
        """Write one marker."""
        transaction = self._current[producer]
        transaction.unmarked.discard(partition)
        if partition == OFFSETS:
            if transaction.outcome:
                self.group.update(transaction.offsets)
            return
        self.changed[partition] = None
        log = self.logs[partition]
        log.entries.append(None)
        del log.undecided[transaction]

    def is_current(self, producer: str, epoch: int) -> bool:
        """Whether nobody has opened the id since."""
        return self._epochs[producer] == epoch

    def _check(self, producer: str, epoch: int) -> Transaction:
        if not self.is_current(producer, epoch):
            raise Fenced(producer)
        return self._current.get(producer) or Transaction()

    def _append(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: Any,
        headers: Iterable[tuple[str, bytes]],
        transaction: Transaction | None,
    ) -> Record:
        self.changed[topic, partition] = None
        log = self.logs[topic, partition]
        record = Record(topic, partition, len(log.entries), key, value, list(headers))
        log.entries.append((record, transaction))
        if transaction is not None:
            log.undecided.setdefault(transaction, record.offset)
            transaction.unmarked.add((topic, partition))
        return record

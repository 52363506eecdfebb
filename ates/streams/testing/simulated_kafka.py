"""Kafka, as far as exactly-once depends on it: logs, transactions, fencing, markers that come late, lost offsets; and
the network before it, which loses, delays and doubles what is sent.

Everything happens at once or not at all; whatever lies between two calls is a place where a process can die.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ates.streams.privates.transactions import Fenced
from ates.streams.testing.envelope import Record

Partition = tuple[str, int]

OFFSETS: Partition = ("__consumer_offsets", 0)

T = TypeVar("T")


class NoAnswer(Exception):
    """The connection broke: before the request took effect, before the answer came, or with the request on its way."""


class Refused(Exception):
    """The broker answers with an error that ends the transaction."""


@dataclass(slots=True, eq=False)
class Transaction:
    """`outcome` is None until it is decided; a decided one is seen partition by partition, as markers arrive. `epoch`
    is the one in which it was begun."""

    epoch: int
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


class Network:
    """The fate of each request and its answer. `late`: what has been on its way for long, and arrives some day,
    after requests that were sent later on other connections."""

    def __init__(self, chance: random.Random, trouble: float) -> None:
        self.late: list[Callable[[], Any]] = []
        self._random = chance
        self._trouble = trouble

    def ask(self, request: Callable[[], T]) -> T:
        """The broker's answer. Raises `NoAnswer`, and what the broker refuses."""
        if self._random.random() >= self._trouble:
            return request()
        fate = self._random.choice(("request lost", "answer lost", "late", "doubled", "doubled, answer lost"))
        if fate in ("late", "doubled", "doubled, answer lost"):
            self.late.append(request)
        if fate in ("request lost", "late"):
            raise NoAnswer(fate)
        answer = request()
        if fate != "doubled":
            raise NoAnswer(fate)
        return answer

    async def travel(self) -> None:
        """The time that a request takes: about a millisecond, now and then much more."""
        await self.rest(0.001)

    async def rest(self, seconds: float) -> None:
        """About so long."""
        await asyncio.sleep(self._random.expovariate(1 / seconds))

    def choose(self, most: int) -> int:
        """1 to `most`."""
        return self._random.randint(1, most)

    def heal(self) -> None:
        """From here on all is well."""
        self._trouble = 0.0

    def deliver(self) -> None:
        """One of the late ones arrives. Nobody waits for its answer."""
        if self.late:
            request = self.late.pop(self._random.randrange(len(self.late)))
            with suppress(Fenced, Refused):
                request()


class Kafka:
    """One broker that never dies; those who talk to it do. `changed`: partitions written to since somebody looked.

    `transaction_version` 2 is KIP-890's second part: each end of a transaction raises the producer's epoch, and what
    comes late with an older one is refused. In version 1 the epoch stays, so a late end ends whatever is open.
    """

    def __init__(self, transaction_version: int = 2) -> None:
        self.transaction_version = transaction_version
        self._ends = self._end_2 if transaction_version == 2 else self._end_1
        self._offsets_of: dict[tuple[str, int, Partition], list[int]] = defaultdict(list)
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
        """Version 1 only: what a transaction will write to is said before, all at once."""
        self._begun(producer, epoch)

    def produce(self, producer: str, epoch: int, sequence: int, at: Partition, outgoing: Any) -> int:
        """The record's offset; the same again for a `sequence` of the epoch and partition that is there already."""
        transaction = self._transaction(producer, epoch)
        there = self._offsets_of[producer, epoch, at]
        if sequence > len(there):
            raise Refused("OUT_OF_ORDER_SEQUENCE_NUMBER")
        if sequence == len(there):
            headers = outgoing.headers
            there.append(self._append(*at, outgoing.key, outgoing.value, headers, transaction).offset)
        return there[sequence]

    def send_offset(self, producer: str, epoch: int, source: Partition, offset: int) -> None:
        """The group's offset, with the transaction."""
        transaction = self._transaction(producer, epoch)
        transaction.offsets[source] = offset
        transaction.unmarked.add(OFFSETS)

    def commit(self, producer: str, epoch: int) -> int:
        """The decision: from here on nothing undoes it. The epoch of the next transaction."""
        return self._ends(producer, epoch)

    def _end_2(self, producer: str, epoch: int) -> int:
        last = self._current.get(producer)
        if last is not None and last.outcome and (last.epoch, last.epoch + 1) == (epoch, self._epochs[producer]):
            return epoch + 1  # the same request has taken effect already
        self._check(producer, epoch)
        if last is None or last.outcome is not None:
            raise Refused("INVALID_TXN_STATE")
        last.outcome = True
        self._epochs[producer] = epoch + 1
        return epoch + 1

    def _end_1(self, producer: str, epoch: int) -> int:
        self._check(producer, epoch)
        last = self._current.get(producer)
        if last is None or last.outcome is False:
            raise Refused("INVALID_TXN_STATE")
        last.outcome = True
        return epoch

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

    def _check(self, producer: str, epoch: int) -> None:
        if not self.is_current(producer, epoch):
            raise Fenced(producer)

    def _transaction(self, producer: str, epoch: int) -> Transaction:
        """The one that is open. In version 2 whatever is written first begins it."""
        if self.transaction_version == 2:
            return self._begun(producer, epoch)
        self._check(producer, epoch)
        transaction = self._current.get(producer)
        if transaction is None or transaction.outcome is not None:
            raise Refused("INVALID_TXN_STATE")
        return transaction

    def _begun(self, producer: str, epoch: int) -> Transaction:
        """The one that is open, or a new one after the last one's markers."""
        self._check(producer, epoch)
        transaction = self._current.get(producer)
        if transaction is None or transaction.outcome is not None:
            self.settle(producer)
            transaction = self._current[producer] = Transaction(epoch)
        return transaction

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

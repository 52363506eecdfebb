"""The transactional producer of one source partition.

Its `transactional.id` names the group, the topic and the partition: whoever opens it next fences whoever had it
before, so a worker that was paused while its partitions moved cannot write any more (KIP-98).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from ates.streams.batch import Outgoing
from ates.streams.privates.transactions import batches
from ates.streams.privates.transactions.batches import Format, Identity, Place
from ates.streams.privates.transactions.cluster import Cluster, Coordinator
from ates.streams.privates.transactions.errors import (
    TRANSACTION_ABORTABLE,
    Aborted,
    Fenced,
    KafkaRefusal,
    OutcomeUnknown,
    PartitionMismatch,
    RecordsTooLarge,
    Remedy,
    TransactionError,
)
from ates.streams.privates.transactions.messages import InitProducerId
from ates.streams.privates.transactions.transaction import Transaction, refused

# The broker aborts what is open for so long. We give up before: a transaction that it ends itself looks fenced. And not
# before the partitions of a broker that was killed have other leaders: its session alone takes 9 s.
TRANSACTION_SECONDS = 18.0
TIMEOUT_SECONDS = 13.0
ABORT_SECONDS = 4.0
CLOSE_SECONDS = 5.0

NO_IDENTITY = Identity(-1, -1)

T = TypeVar("T")


class TransactionalProducer:
    """Writes whole transactions: records and the source offset, all or nothing.

    `options` are those of an aiokafka client. After an exception `is_open` says whether the next transaction may
    begin; when it may not, open the producer again, here or elsewhere: that settles what is left.
    """

    def __init__(
        self, options: Mapping[str, Any], transactional_id: str, group: str = "", *, compression: str = "none"
    ) -> None:
        self._cluster = Cluster(options)
        self._id = transactional_id
        self._group = group
        self._compression = batches.COMPRESSIONS[compression]
        self._identity: Identity | None = None
        self._under_way: asyncio.Future[Any] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a transaction may begin."""
        return self._identity is not None

    async def open(self) -> None:
        """Fence every earlier owner of the id, and finish or abort what it left open.

        Raises `UnsupportedCluster`, and `TransactionError` when Kafka does not answer or refuses.
        """
        await self._shielded(self._open())

    async def _open(self) -> None:
        self._identity = None
        request = InitProducerId(self._id, int(TRANSACTION_SECONDS * 1000), NO_IDENTITY.producer_id, NO_IDENTITY.epoch)
        try:
            async with self._cluster.within(TIMEOUT_SECONDS):
                await self._cluster.connect()
                answer = await self._cluster.ask_coordinator(
                    Coordinator.TRANSACTION,
                    self._id,
                    request,
                    lambda answer: refused("InitProducerId", self._id, answer),
                )
        except (KafkaRefusal, KafkaError, OSError, TimeoutError) as error:
            raise TransactionError(f"{self._id}: not opened: {error}") from error
        self._identity = Identity(answer.producer_id, answer.epoch)

    async def close(self) -> None:
        """Let go; a transaction left open the next owner aborts.

        A request under way is waited for a while: an `open` of ours that arrives late would fence our successor.
        """
        if self._under_way is not None:
            await asyncio.wait({self._under_way}, timeout=CLOSE_SECONDS)
            self._under_way.cancel()
        self._identity = None
        await self._cluster.close()

    async def commit(
        self, records: Sequence[Outgoing], source: Place | None = None, next_offset: int = 0
    ) -> dict[Place, int]:
        """Write `records`, and the group's `next_offset` for `source` (topic, partition), in one transaction.

        Returns for each (topic, partition) the offset after its last record. Raises `Fenced`, `Aborted` (its subclass
        `RecordsTooLarge`) when no part of it takes effect, `OutcomeUnknown` when only the log knows. The work goes on
        when the caller is cancelled; `close` waits for it.
        """
        return await self._shielded(self._commit(records, source, next_offset))

    async def _commit(self, records: Sequence[Outgoing], source: Place | None, next_offset: int) -> dict[Place, int]:
        if self._identity is None:
            raise Aborted(f"{self._id}: not open")
        if not records and source is None:
            return {}
        format = Format(self._identity, int(time.time() * 1000), self._compression)
        transaction = Transaction(self._cluster, self._id, self._group, format)
        try:
            async with self._cluster.within(TIMEOUT_SECONDS):
                await self._cluster.know({record.topic for record in records})
                places = batches.by_place(records, self._cluster.partitions)
                written = await transaction.write(places, source, next_offset)
                self._identity = await transaction.end(commits=True)
                return written
        except (KafkaRefusal, RecordsTooLarge, TimeoutError) as error:
            raise await self._settle(transaction, error) from error
        except BaseException:
            self._identity = None
            raise

    async def _settle(self, transaction: Transaction, error: Exception) -> Exception:
        """Abort what has failed, if that is still ours to say; the error for the caller."""
        identity, self._identity = self._identity, None
        if isinstance(error, KafkaRefusal) and error.remedy is Remedy.FENCED:
            return self._fenced(error)
        if transaction.decided and getattr(error, "code", None) != TRANSACTION_ABORTABLE:
            return OutcomeUnknown(f"{self._id}: the commit was not confirmed: {error}")
        if not transaction.started:
            self._identity = identity
        else:
            await self._abort(transaction)
        if isinstance(error, RecordsTooLarge):
            return RecordsTooLarge(f"{self._id}: {error}", error.records)
        return Aborted(f"{self._id}: {error}")

    async def _abort(self, transaction: Transaction) -> None:
        try:
            async with self._cluster.within(ABORT_SECONDS):
                self._identity = await transaction.end(commits=False)
        except KafkaRefusal as error:
            if error.remedy is Remedy.FENCED:
                raise self._fenced(error) from error
        except TimeoutError:
            return  # the next owner aborts it, or the broker after a while

    def _fenced(self, error: KafkaRefusal) -> Fenced:
        return Fenced(f"{self._id}: another worker has it now ({error})")

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has. Raises `TransactionError` when there is no such topic, or no answer."""
        try:
            async with self._cluster.within(TIMEOUT_SECONDS):
                await self._cluster.know([topic])
        except (KafkaRefusal, TimeoutError) as error:
            raise TransactionError(f"{self._id}: {error}") from error
        return self._cluster.partitions(topic)

    async def require_same_partitions(self, source: str, topics: Iterable[str]) -> None:
        """Raises `PartitionMismatch` unless each of `topics` has as many partitions as `source`."""
        expected = await self.partitions(source)
        for topic in topics:
            found = await self.partitions(topic)
            if found != expected:
                raise PartitionMismatch(f"{topic} has {found} partitions, {source} has {expected}")

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` to its end though the caller may not wait for it."""
        self._under_way = asyncio.ensure_future(work)
        self._under_way.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._under_way)

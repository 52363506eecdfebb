"""A small topic read in full by every worker, for data that each partition's handler needs.

(Faust's GlobalTable is meant for this and goes stale on some workers; a plain read has nothing that can go stale.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import UnknownTopicOrPartitionError
from aiokafka.structs import TopicPartition
from faust.types import TP

import ates.streams.privates.lenient  # noqa: F401
from ates.streams.batch import NotLoaded, Undecodable, origin_of
from ates.streams.context import TaskContext
from ates.streams.effects import Message
from ates.streams.under_way import UnderWay
from ates.streams.unsupported import Unsupported

logger = logging.getLogger("ates.streams")

RETRY_SECONDS = 1.0
# A broker that says nothing for so long is given up: its partitions may have other leaders. By default 40 s.
SILENT_MS = 12_000
START_MS, REST_MS = 200, 5000  # how long one look for new records waits, until all was read once and after that


K = TypeVar("K")
V = TypeVar("V")


class GlobalReader:
    """Calls `apply(message)` for each record of `topic`, from the first one on. No group: nothing is committed.

    After an error it begins again, so `apply` must take a record twice; a record that it refuses is skipped.
    """

    def __init__(self, topic: str, apply: Callable[[Message], None], context: TaskContext) -> None:
        self.topic = topic
        self.apply = apply
        self._context = context
        self._under_way: dict[int, UnderWay] = {}
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin reading in the background."""
        self._task = asyncio.create_task(self._keep_reading(), name=f"reader {self.topic}")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def caught_up(self) -> None:
        """Wait until everything that was in the topic at the start has been applied."""
        await self._caught_up.wait()

    async def _keep_reading(self) -> None:
        while True:
            try:
                await self._read()
            except Exception as error:
                logger.warning("reading %s begins again: %s: %s", self.topic, type(error).__name__, error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            self.topic,
            **self._context.client_options,
            group_id=None,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=REST_MS,
            request_timeout_ms=SILENT_MS,
        )
        await consumer.start()
        try:
            partitions = consumer.assignment()
            if not partitions:
                raise UnknownTopicOrPartitionError(self.topic)
            ends = await consumer.end_offsets(partitions)
            while True:
                wait_ms = REST_MS if self._caught_up.is_set() else START_MS
                for records in (await consumer.getmany(timeout_ms=wait_ms)).values():
                    for record in records:
                        await self._take(record)
                if not self._caught_up.is_set() and await self._reached(consumer, ends):
                    self._caught_up.set()
        finally:
            await consumer.stop()

    @staticmethod
    async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
        return all([await consumer.position(tp) >= end for tp, end in ends.items()])

    async def _take(self, record: Any) -> None:
        serde = self._context.serde
        under_way = self._under_way_at(record.partition)
        while True:
            try:
                under_way.begin(record.offset)
                if record.offset in under_way.doomed:
                    raise under_way.doomed[record.offset]
                self.apply(serde.decode(record))
            except NotLoaded as missing:
                under_way.ended()
                await serde.load(missing)
            except Exception as error:
                unforeseen = None if isinstance(error, Undecodable) else error
                logger.warning("skipped: %s", error, exc_info=unforeseen, extra=origin_of(record))
                return
            else:
                under_way.passed(record.offset + 1)
                return
            finally:
                under_way.ended()

    def _under_way_at(self, partition: int) -> UnderWay:
        if partition not in self._under_way:
            tp = TP(self.topic, partition)
            self._under_way[partition] = self._context.under_way(tp, "followed-")
        return self._under_way[partition]


class GlobalTable(Mapping[K, V]):
    """The latest value of each key of a topic. It changes when the topic does: send there to write."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._rows: dict[K, V] = {}
        self._reader: GlobalReader | None = None

    def fed_by(self, reader: GlobalReader) -> None:
        """Take its rows from `reader`."""
        self._reader = reader

    def learn(self, message: Message) -> None:
        """Take a record: a null value removes its key."""
        if message.value is None:
            self._rows.pop(message.key, None)
        else:
            self._rows[message.key] = message.value

    async def caught_up(self) -> None:
        """Wait until everything that was in the topic at the start is here."""
        assert self._reader is not None
        await self._reader.caught_up()

    def __getitem__(self, key: K) -> V:
        return self._rows[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __setitem__(self, key: K, value: V) -> None:
        raise Unsupported(f"the global table of topic {self._topic} changes with the topic: await topic.send(…)")

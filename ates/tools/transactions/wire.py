"""Questions to the brokers that no client of ours asks: transactions (KIP-664), and batches as they lie in the log.

Source: https://kafka.apache.org/protocol, clients/src/main/resources/common/message of apache/kafka.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Int64
from aiokafka.structs import TopicPartition

from ates.domain.errors import Unavailable
from ates.platform.kafka import client_options
from ates.platform.settings import Settings
from ates.streams.privates.transactions.messages import NO_TAGS, TAGS, TEXT, api
from ates.tools.transactions.log_batches import Batch, parse

SECONDS = 5.0
FETCH_BYTES = 1 << 20
At = tuple[str, int]

_ListTransactions = api(
    "ListTransactions",
    66,
    0,
    [("states", CompactArray(TEXT)), ("producer_ids", CompactArray(Int64))],
    [
        ("throttle_ms", Int32),
        ("code", Int16),
        ("unknown_states", CompactArray(TEXT)),
        ("found", CompactArray(("transactional_id", TEXT), ("producer_id", Int64), ("state", TEXT), TAGS)),
    ],
)
_DescribeTransactions = api(
    "DescribeTransactions",
    65,
    0,
    [("transactional_ids", CompactArray(TEXT))],
    [
        ("throttle_ms", Int32),
        ("found", CompactArray(
            ("code", Int16),
            ("transactional_id", TEXT),
            ("state", TEXT),
            ("timeout_ms", Int32),
            ("begun_ms", Int64),
            ("producer_id", Int64),
            ("epoch", Int16),
            ("topics", CompactArray(("topic", TEXT), ("partitions", CompactArray(Int32)), TAGS)),
            TAGS,
        )),
    ],
)  # fmt: skip
_DescribeProducers = api(
    "DescribeProducers",
    61,
    0,
    [("topics", CompactArray(("topic", TEXT), ("partitions", CompactArray(Int32)), TAGS))],
    [
        ("throttle_ms", Int32),
        ("topics", CompactArray(
            ("topic", TEXT),
            ("partitions", CompactArray(
                ("partition", Int32),
                ("code", Int16),
                ("message", TEXT),
                ("producers", CompactArray(
                    ("producer_id", Int64),
                    ("epoch", Int32),
                    ("sequence", Int32),
                    ("written_ms", Int64),
                    ("coordinator_epoch", Int32),
                    ("open_from", Int64),
                    TAGS,
                )),
                TAGS,
            )),
            TAGS,
        )),
    ],
)  # fmt: skip
_Fetch = api(
    "Fetch",
    1,
    12,
    [
        ("replica", Int32), ("wait_ms", Int32), ("least", Int32), ("most", Int32), ("isolation", Int8),
        ("session", Int32), ("session_epoch", Int32),
        ("topics", CompactArray(
            ("topic", TEXT),
            ("partitions", CompactArray(
                ("partition", Int32), ("leader_epoch", Int32), ("offset", Int64), ("last_epoch", Int32),
                ("log_start", Int64), ("most", Int32), TAGS,
            )),
            TAGS,
        )),
        ("forgotten", CompactArray(("topic", TEXT), ("partitions", CompactArray(Int32)), TAGS)),
        ("rack", CompactString("utf-8")),
    ],
    [
        ("throttle_ms", Int32), ("code", Int16), ("session", Int32),
        ("topics", CompactArray(
            ("topic", TEXT),
            ("partitions", CompactArray(
                ("partition", Int32), ("code", Int16), ("end", Int64), ("stable", Int64), ("log_start", Int64),
                ("aborted", CompactArray(("producer_id", Int64), ("first", Int64), TAGS)),
                ("replica", Int32), ("records", CompactBytes), TAGS,
            )),
            TAGS,
        )),
    ],
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """A transactional id as its coordinator knows it. `state` is Kafka's word, such as `Ongoing`."""

    transactional_id: str
    producer_id: int
    state: str
    coordinator: int


@dataclass(frozen=True, slots=True)
class Described:
    """A transactional id in full. begun_ms: since 1970, -1 while nothing is open; places: partitions written to."""

    transactional_id: str
    state: str
    timeout_ms: int
    begun_ms: int
    producer_id: int
    epoch: int
    places: list[At]


@dataclass(frozen=True, slots=True)
class Writing:
    """A producer that has a transaction open in a partition, from an offset on."""

    place: At
    producer_id: int
    epoch: int
    open_from: int
    written_ms: int


class Brokers:
    """Connections to the brokers. Raises `Unavailable` while they are away or do not understand."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def transactions(self, producer_id: int | None = None) -> list[Listed]:
        """Every transactional id, or that of one producer."""
        ids = [] if producer_id is None else [producer_id]
        nodes = [broker.nodeId for broker in self._client.cluster.brokers()]
        answers = await asyncio.gather(*(self._ask(node, _ListTransactions([], ids)) for node in nodes))
        return [
            Listed(name, producer, state, node)
            for node, answer in zip(nodes, answers, strict=True)
            for name, producer, state, *_ in answer.found
        ]

    async def describe(self, listed: Sequence[Listed]) -> list[Described]:
        """Those of `listed` that their coordinators still know."""
        by_node: dict[int, list[str]] = {}
        for each in listed:
            by_node.setdefault(each.coordinator, []).append(each.transactional_id)
        answers = await asyncio.gather(*(self._ask(node, _DescribeTransactions(ids)) for node, ids in by_node.items()))
        return [
            Described(name, state, timeout, begun, producer, epoch, [(t, n) for t, ns, *_ in topics for n in ns])
            for answer in answers
            for code, name, state, timeout, begun, producer, epoch, topics, *_ in answer.found
            if code == 0
        ]

    async def writing(self, places: Sequence[At]) -> list[Writing]:
        """Producers with an open transaction in `places`."""
        by_node: dict[int, dict[str, list[int]]] = {}
        for topic, number in places:
            by_node.setdefault(await self._leader((topic, number)), {}).setdefault(topic, []).append(number)
        answers = await asyncio.gather(
            *(
                self._ask(node, _DescribeProducers([(t, ns, NO_TAGS) for t, ns in topics.items()]))
                for node, topics in by_node.items()
            )
        )
        return [
            Writing((topic, number), producer, epoch, open_from, written_ms)
            for answer in answers
            for topic, partitions, *_ in answer.topics
            for number, code, _, producers, *_ in partitions
            if code == 0
            for producer, epoch, _, written_ms, _, open_from, *_ in producers
            if open_from >= 0
        ]

    async def batches(self, place: At, offset: int) -> list[Batch]:
        """The next batches of a partition from the one that holds `offset` on, those of open and aborted transactions
        and the markers too; none at its end."""
        topic, number = place
        part = (number, -1, offset, -1, -1, FETCH_BYTES, NO_TAGS)
        question = _Fetch(-1, 0, 1, FETCH_BYTES, 0, 0, -1, [(topic, [part], NO_TAGS)], [], "")
        answer = await self._ask(await self._leader(place), question)
        return [
            batch
            for name, partitions, *_ in answer.topics
            for n, _, _, _, _, _, _, records, *_ in partitions
            for batch in parse((name, n), records or b"")
            if batch.last >= offset
        ]

    async def _leader(self, place: At) -> int:
        if (leader := self._client.cluster.leader_for_partition(TopicPartition(*place))) in (None, -1):
            await self._client.add_topic(place[0])
            await self._client.force_metadata_update()
            leader = self._client.cluster.leader_for_partition(TopicPartition(*place))
        if leader in (None, -1):
            raise Unavailable("kafka_unavailable", f"{place[0]}[{place[1]}] has no leader now.")
        return int(leader)

    async def _ask(self, node: int, question: Any) -> Any:
        try:
            return await self._client.send(node, question)
        except (KafkaError, OSError, TimeoutError, NotImplementedError) as error:
            raise Unavailable(
                "kafka_unavailable", f"Kafka does not answer {type(question).__name__}: {error}"
            ) from error


@asynccontextmanager
async def connected(settings: Settings, topics: Mapping[str, Any] | Sequence[str] = ()) -> AsyncIterator[Brokers]:
    """Connections that know `topics`."""
    client = AIOKafkaClient(**client_options(settings), request_timeout_ms=int(SECONDS * 1000))
    try:
        async with asyncio.timeout(2 * SECONDS):
            await client.bootstrap()
            if topics:
                await client.set_topics(list(topics))
        yield Brokers(client)
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable("kafka_unavailable", f"Kafka at {settings.kafka}: {error}") from error
    finally:
        await client.close()

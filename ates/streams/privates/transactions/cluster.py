"""Connections to the brokers, aiokafka's: leaders, coordinators, one request and its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from enum import IntEnum
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, for_code
from aiokafka.structs import TopicPartition

from ates.streams.privates.transactions.batches import Place
from ates.streams.privates.transactions.errors import (
    CONCURRENT_TRANSACTIONS,
    NETWORK_EXCEPTION,
    THROTTLING_QUOTA_EXCEEDED,
    UNKNOWN_TOPIC_OR_PARTITION,
    KafkaRefusal,
    Remedy,
    UnsupportedCluster,
)
from ates.streams.privates.transactions.messages import ApiVersions, finalized_features

# A request without an answer is sent again on a new connection.
REQUEST_SECONDS = 4.0
CLOSE_SECONDS = 1.0
NEW_TOPIC_SECONDS = 1.0

# Markers of the last transaction are written within a few milliseconds; a broker that is away takes longer.
_SHORT_SECONDS = (0.002, 0.02)
_LONG_SECONDS = (0.02, 0.5)

FEATURE = "transaction.version"
LEVEL = 2


class Coordinator(IntEnum):
    """The kinds that a broker coordinates, by the number of the protocol."""

    GROUP = 0
    TRANSACTION = 1


class Patience:
    """Pauses between attempts, longer and longer."""

    def __init__(self) -> None:
        self._pauses = 0

    async def wait(self, trouble: KafkaRefusal) -> None:
        """Pause after `trouble`."""
        first, longest = _SHORT_SECONDS if trouble.code == CONCURRENT_TRANSACTIONS else _LONG_SECONDS
        await asyncio.sleep(min(first * 2**self._pauses, longest))
        self._pauses = min(self._pauses + 1, 10)

    def renew(self) -> None:
        """After a success."""
        self._pauses = 0


class Cluster:
    """`options` are those of an aiokafka client. Nothing here gives up: put a timeout around it (`within`)."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._trouble: KafkaRefusal | None = None
        self._client: Any = None
        self._coordinators: dict[tuple[Coordinator, str], int] = {}
        self._muted: dict[int, float] = {}

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Give up after `seconds`. Raises `TimeoutError`, with the last trouble in its text."""
        self._trouble = None
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise TimeoutError(f"given up after {seconds:g} s: {self._trouble or 'no answer'}") from error

    async def pause(self, trouble: KafkaRefusal, patience: Patience) -> None:
        """Wait after `trouble` before the next attempt."""
        self._trouble = trouble
        await patience.wait(trouble)

    async def connect(self) -> None:
        """Raises aiokafka's `KafkaError` when no bootstrap server answers, `UnsupportedCluster` by name."""
        if self._client is None:
            client = AIOKafkaClient(**self._options, request_timeout_ms=int(REQUEST_SECONDS * 1000))
            try:
                await client.bootstrap()
            except BaseException:
                await client.close()
                raise
            self._client = client
        await self._require_feature()

    async def close(self) -> None:
        """Drop the connections, and what waits for an answer on them."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(TimeoutError):  # what a dead link has not taken yet keeps its socket open
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.close()

    async def _require_feature(self) -> None:
        answer = await self._anywhere(ApiVersions("ates", "1"))
        found = finalized_features(answer).get(FEATURE, 0)
        if found < LEVEL:
            servers = ",".join(self._options["bootstrap_servers"])
            raise UnsupportedCluster(
                f"the cluster at {servers} has {FEATURE} {found}, {LEVEL} is needed: Kafka 4.0 or newer, and"
                f" kafka-features.sh --bootstrap-server {servers} upgrade --feature {FEATURE}={LEVEL}"
            )

    async def _anywhere(self, request: Any) -> Any:
        patience = Patience()
        while True:
            node = self._client.get_random_node()
            try:
                return await self.ask(node, request)
            except KafkaRefusal as trouble:
                await self.pause(trouble, patience)
                await self.refresh()

    async def know(self, topics: Iterable[str]) -> None:
        """Fetch the metadata of `topics` that are not known yet. Raises `KafkaRefusal` for one that is not there."""
        for topic in topics:
            if not self._knows(topic):
                await self._learn(topic)

    async def _learn(self, topic: str) -> None:
        """A topic just made is not known to every broker at once, nor asked for by an update under way."""
        patience = Patience()
        give_up = time.monotonic() + NEW_TOPIC_SECONDS
        answered = await self._client.add_topic(topic)
        while not self._knows(topic):
            trouble = KafkaRefusal(f"topic {topic}", UNKNOWN_TOPIC_OR_PARTITION if answered else NETWORK_EXCEPTION)
            if answered and time.monotonic() > give_up:
                raise trouble
            await self.pause(trouble, patience)
            answered = await self.refresh()

    def _knows(self, topic: str) -> bool:
        return self._client.cluster.partitions_for_topic(topic) is not None

    def partitions(self, topic: str) -> int:
        """How many partitions `topic` has, which has to be known."""
        return len(self._client.cluster.partitions_for_topic(topic))

    def leader(self, place: Place) -> int | None:
        """The broker that leads a partition, None while there is none."""
        found = self._client.cluster.leader_for_partition(TopicPartition(*place))
        return None if found in (None, -1) else int(found)

    async def refresh(self) -> bool:
        """Fetch the metadata again; False when nobody answered."""
        return bool(await self._client.force_metadata_update())

    async def ask(self, node: int, request: Any, lane: ConnectionGroup = ConnectionGroup.DEFAULT) -> Any:
        """The answer of one broker, on the connection of a `lane`: a broker handles the requests of a connection one
        after the other. Raises `KafkaRefusal` (NETWORK_EXCEPTION) when there is none."""
        name = type(request).__name__
        if (muted := self._muted.get(node, 0.0) - time.monotonic()) > 0:
            self._trouble = KafkaRefusal(f"{name} to broker {node}", THROTTLING_QUOTA_EXCEEDED, f"{muted:.1f} s")
            await asyncio.sleep(muted)
        try:
            answer = await self._client.send(node, request, group=lane)
        except (NotImplementedError, IncompatibleBrokerVersion) as error:
            raise UnsupportedCluster(f"broker {node} does not speak {name}: {error}") from error
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaRefusal(f"{name} to broker {node}", NETWORK_EXCEPTION, str(error)) from error
        # The broker does not read on for so long (KIP-219), and a request would wait there until it times out.
        if throttled := getattr(answer, "throttle_ms", 0):
            self._muted[node] = time.monotonic() + throttled / 1000
        return answer

    async def ask_coordinator(
        self, kind: Coordinator, key: str, request: Any, refusal: Callable[[Any], KafkaRefusal | None]
    ) -> Any:
        """The answer of the coordinator of `key`, wherever it moves, once `refusal` finds none in it that may pass."""
        patience = Patience()
        while True:
            try:
                answer = await self.ask(await self._coordinator(kind, key), request, ConnectionGroup.COORDINATION)
                trouble = refusal(answer)
            except KafkaRefusal as error:
                trouble = error
            if trouble is None:
                return answer
            if not trouble.may_pass:
                raise trouble
            if trouble.remedy is Remedy.LOOK_UP:
                self._coordinators.pop((kind, key), None)
            await self.pause(trouble, patience)

    async def _coordinator(self, kind: Coordinator, key: str) -> int:
        """The broker that coordinates `key`."""
        if (kind, key) not in self._coordinators:
            self._coordinators[kind, key] = await self._find(kind, key)
        return self._coordinators[kind, key]

    async def _find(self, kind: Coordinator, key: str) -> int:
        subject = f"coordinator of {kind.name.lower()} {key}"
        try:
            node = int(await self._client.coordinator_lookup(kind, key))
        except (OSError, TimeoutError) as error:
            raise KafkaRefusal(subject, NETWORK_EXCEPTION, str(error)) from error
        except KafkaError as error:
            raise KafkaRefusal(subject, code_of(error), str(error)) from error
        if self._client.cluster.broker_metadata(node) is None:
            await self.refresh()
        return node


def code_of(error: KafkaError) -> int:
    """The protocol's number of aiokafka's error; those that it raises by itself are the network's."""
    number = getattr(error, "errno", None)
    return number if number is not None and for_code(number) is type(error) else NETWORK_EXCEPTION

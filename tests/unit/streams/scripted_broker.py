"""A broker that answers by a script: error codes for each kind of request, then success."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from aiokafka.errors import KafkaConnectionError

from ates.streams.privates.transactions import TransactionalProducer
from ates.streams.privates.transactions.batches import Identity

SILENCE = -99
"""In the place of a code: no answer, a broken connection."""

PRODUCER_ID, EPOCH = 5, 3


class Broker:
    """In the place of aiokafka's client. `asked` are all requests of transactions, `script` what is left of it."""

    def __init__(self, script: Mapping[str, Sequence[int]], features: int = 2) -> None:
        self.script = defaultdict(deque, {kind: deque(codes) for kind, codes in script.items()})
        self.asked: list[tuple[str, Any]] = []
        self.looked_up: list[str] = []
        self.throttle_ms = 0
        self.producer_id, self.epoch = PRODUCER_ID, EPOCH
        self.features = features
        self.cluster = SimpleNamespace(
            partitions_for_topic=lambda topic: set(range(4)) if topic != "missing" else None,
            leader_for_partition=lambda place: 1,
            broker_metadata=lambda node: object(),
        )

    def get_random_node(self) -> int:
        return 1

    async def close(self) -> None: ...

    async def add_topic(self, topic: str) -> bool:
        return True

    async def force_metadata_update(self) -> bool:
        self.looked_up.append("metadata")
        return True

    async def coordinator_lookup(self, kind: Any, key: str) -> int:
        self.looked_up.append(kind.name)
        return 1

    async def send(self, node: int, request: Any, group: Any) -> Any:
        await asyncio.sleep(0)
        kind = type(request).__name__
        self.asked.append((kind, request.fields))
        code = self.script[kind].popleft() if self.script[kind] else 0
        if code == SILENCE:
            raise KafkaConnectionError("broken")
        answer = getattr(self, kind)(code, request.fields)
        return SimpleNamespace(throttle_ms=self.throttle_ms, **answer)

    def ApiVersions(self, code: int, fields: Any) -> Any:  # noqa: N802
        name = b"transaction.version"
        level = self.features.to_bytes(2, "big")
        return {"tags": {2: bytes([2, len(name) + 1]) + name + level + level + b"\0"} if self.features else {}}

    def InitProducerId(self, code: int, fields: Any) -> Any:  # noqa: N802
        return {"code": code, "producer_id": self.producer_id, "epoch": self.epoch}

    def EndTxn(self, code: int, fields: Any) -> Any:  # noqa: N802
        if not code:
            self.epoch += 1
        return {"code": code, "producer_id": self.producer_id, "epoch": self.epoch}

    def Produce(self, code: int, fields: Any) -> Any:  # noqa: N802
        topics = fields[3]
        return {
            "topics": [
                (topic, [(partition, code, 100, -1, 0, [], "why" if code else None, {}) for partition, *_ in own], {})
                for topic, own, _ in topics
            ]
        }

    def TxnOffsetCommit(self, code: int, fields: Any) -> Any:  # noqa: N802
        topic, ((partition, *_),), _ = fields[7][0]
        return {"topics": [(topic, [(partition, code, {})], {})]}

    def kinds(self) -> list[str]:
        """The requests in order."""
        return [kind for kind, _ in self.asked]

    def ends(self) -> list[tuple[int, bool]]:
        """Epoch and decision of each EndTxn."""
        return [(fields[2], fields[3]) for kind, fields in self.asked if kind == "EndTxn"]


def opened(broker: Broker, *, opened: bool = True) -> TransactionalProducer:
    """A producer at that broker."""
    producer = TransactionalProducer({"bootstrap_servers": ["kafka:9092"]}, "id", "group")
    producer._cluster._client = broker
    producer._identity = Identity(PRODUCER_ID, EPOCH) if opened else None
    return producer

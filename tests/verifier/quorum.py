"""The broker that is the active controller of a cluster."""

from __future__ import annotations

import asyncio

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.types import CompactArray, Int16, Int32, Int64

from ates.platform.kafka import client_options
from ates.platform.settings import Settings
from ates.streams.privates.transactions.messages import NO_TAGS, TAGS, TEXT, api

METADATA = "__cluster_metadata"

_REPLICAS = CompactArray(("replica", Int32), ("end", Int64), TAGS)
_PARTITION = (
    *(("partition", Int32), ("code", Int16), ("leader", Int32), ("epoch", Int32), ("high_watermark", Int64)),
    *(("voters", _REPLICAS), ("observers", _REPLICAS), TAGS),
)

# clients/src/main/resources/common/message/DescribeQuorum{Request,Response}.json
DescribeQuorum = api(
    "DescribeQuorum",
    55,
    0,
    [("topics", CompactArray(("topic", TEXT), ("partitions", CompactArray(("partition", Int32), TAGS)), TAGS))],
    [("code", Int16), ("topics", CompactArray(("topic", TEXT), ("partitions", CompactArray(*_PARTITION)), TAGS))],
)


def controller(settings: Settings) -> int:
    """Its node id."""
    return asyncio.run(_ask(settings))


async def _ask(settings: Settings) -> int:
    client = AIOKafkaClient(**client_options(settings))
    await client.bootstrap()
    try:
        request = DescribeQuorum([(METADATA, [(0, NO_TAGS)], NO_TAGS)])
        answer = await client.send(client.get_random_node(), request)
        _, partitions, _ = answer.topics[0]
        return int(partitions[0][2])
    finally:
        await client.close()

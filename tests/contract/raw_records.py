"""A record as no client would write it: its header's name is any bytes."""

from __future__ import annotations

from struct import pack_into
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

_CRC_AT, _CHECKED_FROM = 17, 21


def batch(key: bytes, value: bytes | None, name: bytes, text: bytes = b"x") -> bytes:
    """One record with a header of this `name`."""
    stand_in = "~" * len(name)
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 20,
    )  # fmt: skip
    builder.append(0, timestamp=1_700_000_000_000, key=key, value=value, headers=[(stand_in, text)])
    raw = bytearray(bytes(builder.build()).replace(stand_in.encode(), name))
    pack_into(">I", raw, _CRC_AT, calc_crc32c(bytes(raw[_CHECKED_FROM:])))
    return bytes(raw)


async def send(topic: str, partition: int, raw: bytes, **options: Any) -> None:
    """Write `raw` as it is; `options` are aiokafka's."""
    async with AIOKafkaProducer(**options) as producer:
        await producer.partitions_for(topic)
        client = producer.client
        node = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(None, -1, 10_000, [(topic, [(partition, raw)])])
        answer = await client.send(node, request)
        ((_, ((_, error, *_),)),) = answer.topics
        assert error == 0, error

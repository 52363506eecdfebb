"""How many bytes partitions take on the brokers' disks (DescribeLogDirs, KIP-113), which none of our clients asks yet.

Source: https://kafka.apache.org/protocol#The_Messages_DescribeLogDirs, version 1.
"""

from __future__ import annotations

from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Int64, Schema, String

from ates.platform.kafka import admin_client
from ates.platform.settings import Settings


class _Response(Response):  # type: ignore[misc]
    API_KEY = 35
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "directories",
            Array(
                ("error_code", Int16),
                ("path", String("utf-8")),
                (
                    "topics",
                    Array(
                        ("topic", String("utf-8")),
                        (
                            "partitions",
                            Array(("partition", Int32), ("bytes", Int64), ("behind", Int64), ("is_future", Boolean)),
                        ),
                    ),
                ),
            ),
        ),
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    API_KEY = 35
    API_VERSION = 1
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(("topics", Array(("topic", String("utf-8")), ("partitions", Array(Int32)))))


class _DescribeLogDirs(Request[_Struct]):  # type: ignore[misc]
    API_KEY = 35

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(None)  # null: every topic


async def sizes(settings: Settings) -> dict[tuple[str, int], int]:
    """(topic, partition) -> bytes on disk, of the largest replica. Nothing where the broker does not tell us."""
    found: dict[tuple[str, int], int] = {}
    async with admin_client(settings) as admin:
        cluster = await admin.describe_cluster()
        for broker in cluster["brokers"]:
            try:
                answer = await admin._send_request_to_node(broker["node_id"], _DescribeLogDirs())
            except (KafkaError, NotImplementedError):
                continue  # not allowed to ask, or a broker that speaks another version
            for _, _, topics in answer.directories:
                for topic, partitions in topics:
                    for number, size, _, _ in partitions:
                        found[topic, number] = max(size, found.get((topic, number), 0))
    return found

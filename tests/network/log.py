"""A plain fold of the log: which transactions' records and offsets a reader of committed records sees."""

from __future__ import annotations

import struct
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

OFFSETS = "__consumer_offsets"
SECONDS = 30.0

Ends = Mapping[tuple[str, int], int]
Options = Mapping[str, Any]
"""Of any client of librdkafka."""


def _consumer(kafka: Options) -> Consumer:
    return Consumer(
        {
            **kafka,
            "group.id": "fold",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )


def ends(kafka: Options, topic: str) -> dict[tuple[str, int], int]:
    """Where the topic's partitions end now; of none when there is no such topic yet."""
    consumer = _consumer(kafka)
    try:
        places = [
            TopicPartition(topic, number) for number in consumer.list_topics(topic, SECONDS).topics[topic].partitions
        ]
        return {(topic, place.partition): consumer.get_watermark_offsets(place, SECONDS)[1] for place in places}
    finally:
        consumer.close()


def committed(kafka: Options, starts: Ends) -> Iterator[Any]:
    """Every committed record from `starts` to the ends, as confluent_kafka's messages."""
    consumer = _consumer(kafka)
    try:
        consumer.assign([TopicPartition(topic, partition, start) for (topic, partition), start in starts.items()])
        waiting = set(starts)
        heard = time.monotonic()
        while waiting:
            # It returns no sooner than after this many or the time, whatever there is.
            messages = consumer.consume(5000, 0.2)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() > heard + SECONDS:
                raise TimeoutError(f"no end of {sorted(waiting)} within {SECONDS:g} s: a transaction hangs")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard((message.topic(), message.partition()))
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()


def seen(kafka: Options, starts: Ends, group: str) -> dict[int, Counter[str]]:
    """Of each transaction, by its number: how often it is seen in which partition, its offset among them."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for message in committed(kafka, starts):
        if message.topic() != OFFSETS:
            found[int(message.value().split()[0])][f"{message.topic()}[{message.partition()}]"] += 1
        elif (offset := _offset(message, group)) is not None:
            found[offset][OFFSETS] = 1  # the same offset written again changes nothing
    return found


def _offset(message: Any, group: str) -> int | None:
    """The offset that `group` has committed, of a record of the broker's own topic; None of another group's.

    Key: version, group, topic, partition. Value: version, offset, …
    """
    key, value = message.key(), message.value()
    version, size = struct.unpack(">hh", key[:4])
    if version > 1 or key[4 : 4 + size].decode() != group or value is None:
        return None
    return int(struct.unpack(">q", value[2:10])[0])

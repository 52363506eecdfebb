"""The bare transactional loop on librdkafka: poll, add up, produce, commit. What a runtime can be compared with."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from bench import work

CHUNK = 1_000


def main() -> None:
    """Work until killed. No table is restored: this is the floor, not a product."""
    consumer = Consumer(
        {
            "bootstrap.servers": work.BROKER,
            "group.id": work.GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([work.INPUT])
    producer = Producer(
        {
            "bootstrap.servers": work.BROKER,
            "transactional.id": f"{work.GROUP}-{os.getpid()}",
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.init_transactions()
    balances: dict[str, int] = defaultdict(int)
    while True:
        if messages := consumer.consume(CHUNK, timeout=0.05):
            transaction(consumer, producer, balances, messages)


def transaction(consumer: Any, producer: Any, balances: dict[str, int], messages: list[Any]) -> None:
    """Everything that comes within the commit interval, in one transaction."""
    ends = time.monotonic() + work.COMMIT_MS / 1000
    producer.begin_transaction()
    changed: dict[str, int] = {}
    offsets: dict[tuple[str, int], int] = {}
    while messages:
        for message in messages:
            booked = work.decode(message.value())
            account = booked["account_id"]
            balances[account] += booked["amount_cents"]
            changed[account] = message.partition()
            output = work.result(booked, balances[account])
            producer.produce(work.OUTPUT, output, message.key(), message.partition())
            offsets[message.topic(), message.partition()] = message.offset() + 1
        producer.poll(0)
        messages = consumer.consume(CHUNK, timeout=0.0) if time.monotonic() < ends else []
    for account, partition in changed.items():
        row = json.dumps({"cents": balances[account]})
        producer.produce(f"{work.GROUP}-balances-changelog", row, account, partition)
    positions = [TopicPartition(*source, offset) for source, offset in offsets.items()]
    producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata())
    producer.commit_transaction()


if __name__ == "__main__":
    main()

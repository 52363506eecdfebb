"""The bare transactional loop on librdkafka: poll, add up, produce, commit. What a runtime can be compared with."""

from __future__ import annotations

import json
from collections import defaultdict

from confluent_kafka import Consumer, Producer, TopicPartition

from bench import work

BATCH = 2_000


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
    producer = Producer({"bootstrap.servers": work.BROKER, "transactional.id": work.GROUP, "linger.ms": 0})
    producer.init_transactions()
    balances: dict[str, int] = defaultdict(int)
    while True:
        messages = consumer.consume(BATCH, timeout=0.05)
        if messages:
            producer.begin_transaction()
            changed: dict[str, int] = {}
            offsets: dict[tuple[str, int], int] = {}
            for message in messages:
                booked = work.decode(message.value())
                account = booked["account_id"]
                balances[account] += booked["amount_cents"]
                changed[account] = message.partition()
                output = work.result(booked, balances[account])
                producer.produce(work.OUTPUT, output, message.key(), message.partition())
                offsets[message.topic(), message.partition()] = message.offset() + 1
            for account, partition in changed.items():
                row = json.dumps({"cents": balances[account]})
                producer.produce(f"{work.GROUP}-balances-changelog", row, account, partition)
            positions = [TopicPartition(*source, offset) for source, offset in offsets.items()]
            producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata())
            producer.commit_transaction()


if __name__ == "__main__":
    main()

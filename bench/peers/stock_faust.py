"""Stock Faust, as its documentation writes it; `BENCH_GUARANTEE` is `at_least_once` or `exactly_once`."""

from __future__ import annotations

import os
from typing import Any

import faust

from bench import work

app = faust.App(
    work.GROUP,
    broker=f"kafka://{work.BROKER}",
    processing_guarantee=os.environ.get("BENCH_GUARANTEE", "at_least_once"),
    topic_partitions=work.PARTITIONS,
    topic_replication_factor=1,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    datadir=work.STATE,
    web_enabled=False,
    broker_commit_interval=work.COMMIT_MS / 1000,
)
source = app.topic(work.INPUT, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw")
target = app.topic(work.OUTPUT, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw")
balances = app.Table("balances", default=int, partitions=work.PARTITIONS)


@app.agent(source)
async def book(events: Any) -> None:
    """Book one event after the other."""
    async for event in events.events():
        booked = work.decode(event.value)
        balances[booked["account_id"]] += booked["amount_cents"]
        output = work.result(booked, balances[booked["account_id"]])
        await target.send(key=event.key, value=output, partition=event.message.partition)

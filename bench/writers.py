"""Writers of transactions beside each other on one broker and on three: the product's, and librdkafka's.

A transaction writes half of its records to one partition of a changelog, half to one of an output, and adds a group's
offset. librdkafka's writer waits 20 ms after each commit, as aTES did with it; once more it is measured without.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from ates.embedded.console import Console
from ates.embedded.downloads import kafka_home
from ates.streams.batch import Outgoing
from ates.streams.privates.transactions import TransactionalProducer
from bench.peers.librdkafka_writer import LibrdkafkaWriter
from bench.stack import open_broker, say
from tests.verifier.cluster import Cluster

OURS, PEER, UNPAUSED = "ates", "librdkafka", "librdkafka_without_pause"

WRITERS = (1, 4, 8, 24)
RECORDS = (2, 200, 2_000)
PAUSES_MS = (0, 20)
VALUE_BYTES = 200
SECONDS = 0.7  # of each measurement
FEWEST = 5  # transactions of each writer, the first ones not counted
WARM_UP = 10  # measurements long, of each writer: the broker compiles its code while it runs
TIMEOUT_SECONDS = 60.0

BACK_OFF = "add.partitions.to.txn.retry.backoff.ms"
DEFAULT_BACK_OFF_MS, SHORT_BACK_OFF_MS = 20, 2

Make = Callable[[str, str, str], Any]


@dataclass(frozen=True, slots=True)
class Setup:
    """Brokers, and the settings that each of them has."""

    brokers: int
    properties: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def servers(self) -> Iterator[str]:
        """host:port[,host:port] of brokers that end with the block."""
        if self.brokers == 1:
            with open_broker(self.properties) as broker:
                yield broker
            return
        with tempfile.TemporaryDirectory(prefix="ates-bench-") as folder:
            cluster = Cluster(kafka_home(Console()), Path(folder), self.properties)
            try:
                cluster.until_ready()
                yield cluster.servers
            finally:
                cluster.stop()


SETUPS = {
    "one_broker": Setup(1),
    "one_broker_short_back_off": Setup(1, {BACK_OFF: SHORT_BACK_OFF_MS}),
    "three_brokers": Setup(3),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many writers at once, each with transactions of `records`, begun `pause_ms` after the last one ended."""

    writers: int
    records: int
    pause_ms: int

    @property
    def name(self) -> str:
        return f"{self.writers} × {self.records}, {self.pause_ms} ms"


SCENARIOS = [Scenario(w, r, p) for r in RECORDS for w in WRITERS for p in PAUSES_MS]


def _ours(servers: str, transactional_id: str, group: str) -> TransactionalProducer:
    return TransactionalProducer({"bootstrap_servers": servers.split(",")}, transactional_id, group)


def _unpaused(servers: str, transactional_id: str, group: str) -> LibrdkafkaWriter:
    return LibrdkafkaWriter(servers, transactional_id, group, 0.0)


CONTENDERS: Mapping[str, Make] = {OURS: _ours, PEER: LibrdkafkaWriter, UNPAUSED: _unpaused}


def run(names: Sequence[str], seconds: float = SECONDS, scenarios: Sequence[Scenario] = SCENARIOS) -> dict[str, Any]:
    """Name of the setup → its scenarios, each with every contender's figures."""
    found = {}
    for name in names:
        setup = SETUPS[name]
        with setup.servers() as servers:
            say(f"{name}: {len(scenarios)} scenarios of {seconds:g} s for {len(CONTENDERS)} writers …")
            measured = asyncio.run(_measure(servers, setup.brokers, seconds, scenarios))
        back_off = setup.properties.get(BACK_OFF, DEFAULT_BACK_OFF_MS)
        found[name] = {"brokers": setup.brokers, "back_off_ms": back_off, "scenarios": measured}
    return found


async def _measure(
    servers: str, brokers: int, seconds: float, scenarios: Sequence[Scenario]
) -> dict[str, dict[str, Any]]:
    """Each scenario, its contenders one right after the other."""
    topics = await asyncio.to_thread(_topics, servers, brokers)
    for make in (_ours, LibrdkafkaWriter):
        await _contender(make, servers, topics, Scenario(8, 200, 0), WARM_UP * seconds)
    found = {}
    for number, scenario in enumerate(scenarios):
        order = list(CONTENDERS)[number % len(CONTENDERS) :] + list(CONTENDERS)[: number % len(CONTENDERS)]
        figures = {name: await _contender(CONTENDERS[name], servers, topics, scenario, seconds) for name in order}
        found[scenario.name] = {name: figures[name] for name in CONTENDERS}
        say(f"  {scenario.name}: {found[scenario.name]}")
    return found


def _topics(servers: str, brokers: int) -> list[str]:
    """Changelog, output, and the source whose offsets are added."""
    name = f"writers-{uuid.uuid4().hex[:8]}"
    topics = [f"{name}-{kind}" for kind in ("changelog", "output", "source")]
    new = [NewTopic(topic, max(WRITERS), brokers) for topic in topics]
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics(new).values():
        future.result(TIMEOUT_SECONDS)
    return topics


async def _contender(
    make: Make, servers: str, topics: Sequence[str], scenario: Scenario, seconds: float
) -> dict[str, float]:
    """Milliseconds of a transaction, µs of this process's CPU for a record, records a second of all writers."""
    source = topics[-1]
    writers = [make(servers, uuid.uuid4().hex, source) for _ in range(scenario.writers)]
    await asyncio.gather(*(writer.open() for writer in writers))
    written = [_records(topics, n, scenario.records) for n in range(scenario.writers)]
    try:
        await _write(writers, written, source, scenario.pause_ms, 0.0)  # they get to know brokers and topics
        cpu, began = time.process_time(), time.monotonic()
        taken = await _write(writers, written, source, scenario.pause_ms, seconds)
        cpu, passed = time.process_time() - cpu, time.monotonic() - began
    finally:
        await asyncio.gather(*(writer.close() for writer in writers))
    count = len(taken) * scenario.records
    cuts = statistics.quantiles(taken, n=20, method="inclusive")
    return {
        "transactions": len(taken),
        "p50_ms": round(1000 * cuts[9], 1),
        "p95_ms": round(1000 * cuts[18], 1),
        "cpu_us_per_record": round(1_000_000 * cpu / count, 2),
        "records_per_second": round(count / passed),
    }


def _records(topics: Sequence[str], partition: int, count: int) -> list[Outgoing]:
    value = b"x" * VALUE_BYTES
    return [Outgoing(topics[n % 2], partition, b"key %d" % (n // 2), value) for n in range(count)]


async def _write(
    writers: Sequence[Any], records: Sequence[Sequence[Outgoing]], source: str, pause_ms: int, seconds: float
) -> list[float]:
    """Seconds of each transaction, from the moment at which there was something to write."""
    ends = time.monotonic() + seconds

    async def one(number: int) -> list[float]:
        taken: list[float] = []
        while time.monotonic() < ends or len(taken) < FEWEST:
            began = time.monotonic()
            await writers[number].commit(records[number], (source, number), len(taken))
            taken.append(time.monotonic() - began)
            await asyncio.sleep(pause_ms / 1000)
        return taken

    return [one for own in await asyncio.gather(*map(one, range(len(writers)))) for one in own]


def ratios(setup: Mapping[str, Any], peer: str = PEER) -> dict[str, dict[str, float]]:
    """Scenario → the product's writer by `peer`: milliseconds of a transaction, CPU for a record."""
    figures = ("p50_ms", "p95_ms", "cpu_us_per_record")
    return {
        name: {figure: round(found[OURS][figure] / found[peer][figure], 2) for figure in figures}
        for name, found in setup["scenarios"].items()
    }


def cpu_ratio(setup: Mapping[str, Any], records: int) -> float:
    """CPU for a record beside librdkafka's, in transactions of so many records: the median of the scenarios."""
    found = ratios(setup)
    own = [s.name for s in SCENARIOS if s.records == records and s.name in found]
    return round(statistics.median(found[name]["cpu_us_per_record"] for name in own), 2)

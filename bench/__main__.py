"""`python -m bench`: every contender on the same input, one broker, order shuffled, medians of the rounds."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from importlib.metadata import version
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench import work

RESULTS = Path(__file__).parent / "results"
FAUST = [sys.executable, "-m", "faust", "-A"]
WORKER = ["worker", "--without-web", "-l", "error"]

# name -> command, environment, share of the input (the slow ones get less; a rate is a rate)
CONTENDERS: dict[str, tuple[list[str], dict[str, str], float]] = {
    "ates": ([*FAUST, "bench.peers.ates", *WORKER], {}, 1.0),
    "faust_at_least_once": ([*FAUST, "bench.peers.stock_faust", *WORKER], {"BENCH_GUARANTEE": "at_least_once"}, 0.1),
    "faust_exactly_once": ([*FAUST, "bench.peers.stock_faust", *WORKER], {"BENCH_GUARANTEE": "exactly_once"}, 0.1),
    "bare_transactional_loop": ([sys.executable, "-m", "bench.peers.bare_loop"], {}, 1.0),
}
# Named in the result, so that nobody takes their absence for a victory.
NOT_MEASURED = {"quix_exactly_once": "not part of this benchmark yet", "kafka_streams_exactly_once_v2": "likewise"}
LIMIT_SECONDS = 180.0


def say(text: str) -> None:
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)


async def make_topics(broker: str, *names: str) -> None:
    """Fresh topics, one partition for each of the work's."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, work.PARTITIONS, 1) for name in names])
    finally:
        await admin.close()


async def fill(broker: str, topic: str, count: int) -> None:
    """Write the input."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20, max_batch_size=1 << 17)
    await producer.start()
    try:
        for number in range(count):
            key, value, partition = work.event(number)
            await producer.send(topic, value, key=key, partition=partition)
    finally:
        await producer.stop()


async def measure(broker: str, name: str, source: str, count: int) -> float:
    """Outputs per second of contender `name`, from the first to the last one visible to a read_committed reader."""
    command, extra, _ = CONTENDERS[name]
    group = f"bench-{name}-{uuid.uuid4().hex[:8]}"
    output = f"{group}-output"
    await make_topics(broker, output, f"{group}-balances-changelog")
    reader = AIOKafkaConsumer(
        output, bootstrap_servers=broker, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await reader.start()
    variables = {"BENCH_BROKER": broker, "BENCH_INPUT": source, "BENCH_OUTPUT": output, "BENCH_GROUP": group}
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **extra, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return await _rate(reader, count, name)
    finally:
        process.kill()
        await process.wait()
        await reader.stop()


async def _rate(reader: AIOKafkaConsumer, count: int, name: str) -> float:
    deadline = time.monotonic() + LIMIT_SECONDS
    seen, first_seen, started = 0, 0, 0.0
    while seen < count:
        fetched = sum(len(rows) for rows in (await reader.getmany(timeout_ms=200)).values())
        now = time.monotonic()
        if fetched and not started:
            started, first_seen = now, fetched
        seen += fetched
        if now > deadline:
            raise SystemExit(f"{name}: only {seen:,} of {count:,} outputs after {LIMIT_SECONDS:.0f} s")
    return (count - first_seen) / max(now - started, 1e-6)


async def run(broker: str, events: int, rounds: int) -> dict[str, float]:
    """Median rate of each contender."""
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    inputs: dict[int, str] = {}
    for share in {share for _, _, share in CONTENDERS.values()}:
        count = int(events * share)
        inputs[count] = f"bench-input-{uuid.uuid4().hex[:8]}"
        say(f"writing {count:,} events …")
        await make_topics(broker, inputs[count])
        await fill(broker, inputs[count], count)
    for number in range(1, rounds + 1):
        for name in random.sample(list(CONTENDERS), len(CONTENDERS)):
            count = int(events * CONTENDERS[name][2])
            rate = await measure(broker, name, inputs[count], count)
            rates[name].append(rate)
            say(f"round {number} of {rounds}: {name:26} {rate:>10,.0f} events/s")
    return {name: round(statistics.median(values)) for name, values in rates.items()}


def main() -> None:
    """Start a broker, measure, write `bench/results/latest.json`, print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--broker", help="a Kafka to use instead of an embedded one, host:port")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ates-bench-") as data:
        broker = arguments.broker or _start_broker(data)
        try:
            medians = asyncio.run(run(broker, arguments.events, arguments.rounds))
        finally:
            if not arguments.broker:
                subprocess.run([sys.executable, "-m", "ates", "down", "--data", data], check=False)
    _report(arguments, medians)


def _start_broker(data: str) -> str:
    say("starting Kafka …")
    command = [
        sys.executable,
        "-m",
        "ates",
        "up",
        "--base",
        "--detach",
        "--json",
        "--empty",
        "--port",
        "0",
        "--data",
        data,
    ]
    started = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return str(json.loads(started.stdout.strip().splitlines()[-1])["kafka"])


def _report(arguments: argparse.Namespace, medians: dict[str, float]) -> None:
    result = {
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("faust-streaming", "aiokafka", "confluent-kafka", "fastavro")},
        "work": f"{arguments.events:,} Avro events, {work.KEYS:,} keys, {work.PARTITIONS} partitions: "
        "keyed balance with changelog, one output each",
        "rounds": arguments.rounds,
        "events_per_second": {**medians, **dict.fromkeys(NOT_MEASURED)},
        "not_measured": NOT_MEASURED,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, rate in sorted(medians.items(), key=lambda item: -item[1]):
        say(f"{name:28} {rate:>10,.0f} events/s   ates is {medians['ates'] / rate:6.2f} times as fast")
    say(f"written to {RESULTS / 'latest.json'}")


if __name__ == "__main__":
    main()

"""How long a worker takes to be ready: after a kill with little state, and with many rows from its disk, from an empty
disk, and with its tables in memory. Times are from the start of the process.

    python -m bench.recovery --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from faust import Worker

from ates.streams import Effect, Message, State, TableSpec
from ates.streams.app import App
from ates.streams.changelog import POSITION_KEY, topic_name
from bench import work
from bench.stack import running, say

RESULTS = Path(__file__).parent / "results"
SMALL = 1_000
LIMIT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Balance:
    """A row of the table."""

    cents: int


def handle(state: State, message: Message) -> Iterator[Effect]:
    """Nothing comes."""
    yield from ()


def worker() -> None:
    """The process that is measured: tells in the file BENCH_STATUS when it is ready."""
    app = App(
        work.GROUP,
        client_options={"bootstrap_servers": [work.BROKER]},
        producer_options={"bootstrap.servers": work.BROKER},
        serde=None,  # type: ignore[arg-type]
        partitions=work.PARTITIONS,
        instance="one",
        store=os.environ["BENCH_STORE"],  # type: ignore[arg-type]
        datadir=os.environ["BENCH_STATE"],
    )
    app.handler(
        work.INPUT, handle, name="book", tables=[TableSpec("balances", Balance, "account → cents")],
        dead_letters=work.INPUT,
    )  # fmt: skip

    def tell() -> None:
        while app.unready():
            time.sleep(0.01)
        Path(os.environ["BENCH_STATUS"]).touch()

    async def start() -> None:
        threading.Thread(target=tell, daemon=True).start()

    async def stop() -> None: ...

    app.during(start, stop)
    app.finalize()
    Worker(app, loglevel="info", quiet=True).execute_from_commandline()


class Scene:
    """Topics with `rows` in the changelog, and a worker that comes and goes."""

    def __init__(self, broker: str, rows: int) -> None:
        self.broker, self.rows = broker, rows
        self.group = f"recovery-{uuid.uuid4().hex[:8]}"
        self.state = tempfile.TemporaryDirectory(prefix="bench-recovery-")
        self._fill()

    def _fill(self) -> None:
        changelog = topic_name(self.group, "balances")
        compacted = {"cleanup.policy": "compact"}
        topics = [NewTopic(self.group, work.PARTITIONS, 1), NewTopic(changelog, work.PARTITIONS, 1, config=compacted)]
        admin = AdminClient({"bootstrap.servers": self.broker})
        for future in admin.create_topics(topics).values():
            future.result()
        producer = Producer({"bootstrap.servers": self.broker, "linger.ms": 50, "batch.size": 1 << 18})
        for number in range(self.rows):
            value = b'{"cents":%d}' % number
            while producer.poll(0) or len(producer) > 50_000:
                producer.poll(0.01)
            producer.produce(changelog, value, b"account-%09d" % number, partition=number % work.PARTITIONS)
        producer.flush()
        for partition in range(work.PARTITIONS):
            producer.produce(changelog, b"0", POSITION_KEY, partition=partition)
        producer.flush()

    def log(self) -> str:
        """What the workers said."""
        return (Path(self.state.name) / "log").read_text()

    def ready(self, store: str = "rocksdb") -> dict[str, Any]:
        """Start a worker, wait until it is ready, kill it: seconds and MiB that it took."""
        status = Path(self.state.name) / uuid.uuid4().hex
        variables = {
            "BENCH_BROKER": self.broker, "BENCH_GROUP": self.group, "BENCH_INPUT": self.group, "BENCH_STORE": store,
            "BENCH_STATE": str(Path(self.state.name) / "state"), "BENCH_STATUS": str(status),
        }  # fmt: skip
        began = time.monotonic()
        with (Path(self.state.name) / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.recovery", "--worker"],
                env={**os.environ, **variables}, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            while not status.exists():
                if process.poll() is not None or time.monotonic() > began + LIMIT_SECONDS:
                    raise SystemExit(self.log()[-2000:])
                time.sleep(0.01)
            seconds = time.monotonic() - began
            memory = psutil.Process(process.pid).memory_info().rss >> 20
        finally:
            process.kill()
            process.wait()
        return {"seconds": round(seconds, 2), "mib": memory}


def measure(broker: str, rows: int) -> dict[str, Any]:
    """All figures."""
    say(f"writing {SMALL:,} and {rows:,} rows …")
    small, large = Scene(broker, SMALL), Scene(broker, rows)
    small.ready()
    found: dict[str, Any] = {"rows": rows, "after_kill_small": small.ready()}
    say(f"{SMALL:,} rows, killed and started again: {found['after_kill_small']}")
    found["empty_disk"] = large.ready()
    found["entries_per_second"] = round(rows / found["empty_disk"]["seconds"])
    say(f"{rows:,} rows, empty disk: {found['empty_disk']}, {found['entries_per_second']:,} entries/s")
    found["local_disk"] = large.ready()
    say(f"{rows:,} rows, local disk: {found['local_disk']}")
    found["memory"] = large.ready("memory")
    say(f"{rows:,} rows, in memory: {found['memory']}")
    return found


def main() -> None:
    """Start a broker, measure, write `bench/results/recovery.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--broker", help="a Kafka to use instead of an embedded one, host:port")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        sys.argv[1:] = []
        worker()
        return
    if arguments.broker:
        found = measure(arguments.broker, arguments.rows)
    else:
        with running("--base") as stack:
            found = measure(stack.kafka, arguments.rows)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recovery.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()

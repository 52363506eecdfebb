"""The race: every contender on the same input, one broker, the order shuffled in each round, medians of the rounds."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import cpu, measuring, work
from bench.contenders import CONTENDERS, Absent, Contender
from bench.measuring import Failed, Run
from bench.stack import say
from bench.topics import Topics

STOP_SECONDS = 10.0


def run(broker: str, events: int, rounds: int, workers: int = 1, only: Sequence[str] = ()) -> dict[str, Any]:
    """What `latest.json` says about the race. `workers`: processes of each contender, or threads of Kafka Streams."""
    topics = Topics(broker)
    present, missing = _present([name for name in CONTENDERS if not only or name in only])
    inputs = _inputs(topics, {_count(name, events) for name in present})
    runs: dict[str, list[Run]] = {name: [] for name in present}
    for number in range(1, rounds + 1):
        for name in random.sample(present, len(present)):
            count = _count(name, events)
            try:
                done = measure(topics, name, inputs[count], count, workers)
            except Failed as failed:
                if name == "ates":
                    raise SystemExit(f"{name}: {failed}") from failed
                missing[name] = f"in round {number}: {failed}"
                say(f"not measured: {name}: {missing[name]}")
                present.remove(name)
                continue
            runs[name].append(done)
            say(f"round {number} of {rounds}: {name:30} {done.events_per_second:>10,.0f} events/s")
    topics.delete(inputs.values())
    runs = {name: runs[name] for name in present}
    medians = {name: round(statistics.median(r.events_per_second for r in done)) for name, done in runs.items()}
    return {
        "work": {
            "what": "read, keyed balance with changelog, one output for each input, Avro in and out",
            "events": {name: _count(name, events) for name in present},
            "accounts": work.KEYS,
            "partitions": work.PARTITIONS,
            "workers": workers,
            "counted_from": f"{measuring.WARM_UP:.0%} of the outputs",
        },
        "rounds": rounds,
        "events_per_second": {**medians, **dict.fromkeys(missing)},
        "cpu_seconds_per_million": {
            name: round(statistics.median(run.cpu_per_million for run in done), 2) for name, done in runs.items()
        },
        "ratios": _ratios(medians),
        "runs": {name: [asdict(run) for run in done] for name, done in runs.items()},
        "configuration": {name: {"store": CONTENDERS[name].store, "about": CONTENDERS[name].about} for name in present},
        "not_measured": missing,
    }


def _count(name: str, events: int) -> int:
    return max(1, int(events * CONTENDERS[name].share))


def _present(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Who can be started, and why the others cannot: nobody's absence is a victory."""
    present, missing = [], {}
    for name in names:
        try:
            CONTENDERS[name].command()
            present.append(name)
        except Absent as absent:
            missing[name] = str(absent)
            say(f"not measured: {name}: {absent}")
    return present, missing


def _inputs(topics: Topics, counts: set[int]) -> dict[int, str]:
    inputs = {}
    for count in counts:
        say(f"writing {count:,} events …")
        inputs[count] = f"bench-input-{uuid.uuid4().hex[:8]}"
        topics.make(inputs[count])
        topics.fill(inputs[count], map(work.event, range(count)))
    return inputs


def _ratios(medians: dict[str, int]) -> dict[str, float]:
    """How many times as fast as each of the others our runtime is."""
    ours = medians.get("ates", 0)
    return {name: round(ours / rate, 2) for name, rate in medians.items() if name != "ates"}


def measure(
    topics: Topics,
    name: str,
    source: str,
    count: int,
    workers: int = 1,
    account: Callable[[int], str] = work.account,
    prepare: Callable[[str], None] = lambda group: None,
) -> Run:
    """One contender on one input, checked. `prepare` may fill the changelog of the group that it is given.

    Raises `Failed` when the work is not done, or not right.
    """
    group = f"bench-{name}-{uuid.uuid4().hex[:8]}"
    output = f"{group}-output"
    topics.make(output)
    topics.make(f"{group}-balances-changelog", **{"cleanup.policy": "compact"})
    prepare(group)
    variables = {"BENCH_INPUT": source, "BENCH_OUTPUT": output, "BENCH_GROUP": group}
    try:
        with working(CONTENDERS[name], topics.broker, variables, workers) as worker:
            samples, records = measuring.watch(topics, output, count, worker)
        return measuring.judge(samples, records, count, account)
    finally:
        topics.delete(topics.named(group))


@dataclass(frozen=True, slots=True)
class Processes:
    """Of one contender, and the file that they write to."""

    running: Sequence[subprocess.Popen[bytes]]
    log: Path

    def ended(self) -> str:
        """Why one ended; empty while all run."""
        if all(process.poll() is None for process in self.running):
            return ""
        return " ".join(self.log.read_text(errors="replace").split())[-600:] or "without a word"

    def cpu_seconds(self) -> float:
        """Of all of them."""
        return sum(cpu.taken(process.pid) for process in self.running)


@contextmanager
def working(contender: Contender, broker: str, variables: dict[str, str], workers: int = 1) -> Iterator[Processes]:
    """The contender's processes, stopped at the end."""
    environment = {
        **os.environ,
        **contender.environment,
        **variables,
        "BENCH_BROKER": broker,
        "BENCH_COMMIT_MS": str(work.COMMIT_MS),
        "BENCH_WORKERS": str(workers if contender.threads else 1),
    }
    with tempfile.TemporaryDirectory(prefix="bench-state-", ignore_cleanup_errors=True) as state:
        log = Path(state) / "log"
        processes = []
        with log.open("wb") as told:
            for number in range(1 if contender.threads else workers):
                folder = Path(state) / str(number)
                folder.mkdir()
                own = {**environment, "BENCH_STATE": str(folder), "TMPDIR": str(folder)}
                processes.append(subprocess.Popen(contender.command(), env=own, stdout=told, stderr=told))

        try:
            yield Processes(processes, log)
        finally:
            _stop(processes)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""Measure, and write bench/results/latest.json; `--docs` makes docs/benchmarks.md, its figures and its picture of it.

    race      the runtime and its peers on the same work
    pair      the same with two processes or threads of each, for those that have state on disk
    recovery  until a worker is ready again, with a million rows
    growth    cost per event with more and more accounts
    writers   transactions of the product's writer and of librdkafka's, on one broker and on three
    latency   from a completed task to the balance
    pipeline  tasks a second all the way; bytes on the log
    shuffle   all open tasks dealt again
    story     the page of a record's story, with a million records behind it

Without a name all are measured, one after the other; what is not measured keeps its last figures.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

from bench import docs, growth, latency, memory, pipeline, race, recovery, results, shuffle, story, writers
from bench.contenders import CONTENDERS
from bench.stack import Stack, open_broker, running, say
from tests.chaos.client import connect, found

RUNTIME = ("race", "pair", "recovery", "growth")
SYSTEM = ("latency", "pipeline", "shuffle", "story")
PAIR = [name for name, contender in CONTENDERS.items() if contender.store == "RocksDB"]
ACCOUNTS = (10_000, 100_000, 1_000_000)
PEOPLE = 40
COMMANDS_PER_SECOND = 20.0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="of the above (default: all)")
    parser.add_argument("--events", type=int, default=400_000, help="of a race (default 400,000)")
    parser.add_argument("--rounds", type=int, default=3, help="of a race and of growth (default 3)")
    parser.add_argument("--workers", type=int, default=1, help="processes or threads of each contender (default 1)")
    only = f"contenders, or brokers of the writers ({', '.join(writers.SETUPS)}), with commas"
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help=only)
    parser.add_argument("--scale", type=float, default=1.0, help="size of everything but the race (default 1)")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md (with no PART: of what is there)")
    asked = parser.parse_args()
    known = {*CONTENDERS, *writers.SETUPS}
    if unknown := sorted({*asked.parts} - {*RUNTIME, *SYSTEM, "writers"}) + sorted({*asked.only} - known):
        parser.error(f"there is no {', '.join(unknown)}")
    return asked


def main() -> None:
    """As the help says."""
    asked = arguments()
    parts = asked.parts or ([] if asked.docs else [*RUNTIME, "writers", *SYSTEM])
    if any(part in RUNTIME for part in parts):
        with open_broker() as broker:
            for part in (part for part in RUNTIME if part in parts):
                _runtime(part, broker, asked)
    if "writers" in parts:
        _writers(asked)
    if system := [part for part in SYSTEM if part in parts]:
        with running() as stack:
            asyncio.run(_system(stack, system, asked.scale))
    if parts:
        say(f"written to {results.LATEST}")
    if asked.docs:
        say(f"written to {docs.write()}")


def _runtime(part: str, broker: str, asked: argparse.Namespace) -> None:
    if part in ("race", "pair"):
        workers, only = (asked.workers, asked.only) if part == "race" else (2, asked.only or PAIR)
        found = race.run(broker, asked.events, asked.rounds, workers, only)
        results.write(part, found)
        for name, ratio in found["ratios"].items():
            say(f"ates is {ratio:6.2f} times as fast as {name}")
    elif part == "recovery":
        results.write(part, recovery.run(broker, int(1_000_000 * asked.scale)))
    else:
        accounts = tuple(int(number * asked.scale) for number in ACCOUNTS)
        results.write(part, growth.run(broker, accounts, int(200_000 * asked.scale), asked.rounds))


def _writers(asked: argparse.Namespace) -> None:
    """What is not measured now keeps its last figures."""
    names = [name for name in writers.SETUPS if name in asked.only] or list(writers.SETUPS)
    found = writers.run(names, writers.SECONDS * asked.scale)
    results.write("writers", {**results.read().get("writers", {}), **found})


async def _system(stack: Stack, parts: Sequence[str], scale: float) -> None:
    async with connect(stack.gateway) as http, memory.watched(stack) as peaks:
        company = await found(http, "admin", stack.admin_password, workers=PEOPLE)
        for part in parts:
            if part == "latency":
                result = await latency.run(stack, company, int(600 * scale), COMMANDS_PER_SECOND)
            elif part == "pipeline":
                result = await pipeline.run(stack, company, int(50_000 * scale))
            elif part == "story":
                result = await story.run(stack, company, int(1_000_000 * scale))
            else:
                result = await shuffle.run(stack, company, int(100_000 * scale))
            say(f"{part}: {result}")
            results.write(part, result)
    results.write("peak_memory_mib", {**peaks, "while": ", ".join(parts)})


if __name__ == "__main__":
    main()

"""`python -m tests.network`: exits 0 only when every transaction is all or nothing, as its caller was told."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))  # as pytest has it: the package is `network` for both

from ates.platform.settings import Settings  # noqa: E402
from bench.stack import running  # noqa: E402
from network import experiment, fate, late  # noqa: E402


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.network",
        description="Transactions of the product's writer on a real broker, over connections that go through a proxy of"
        " Kafka frames: requests are lost, late (delivered after later ones), slow, unanswered or swallowed, of every"
        " kind. Each transaction is then held against a fold of the log: all or nothing, as its caller was told.",
    )
    parser.add_argument("--transactions", type=int, default=2000, help="how many (default 2,000: some minutes)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeats the same faults")
    parser.add_argument("--only", type=int, metavar="SEED", help="show the faults that one transaction's seed draws")
    parser.add_argument(
        "--late", type=int, metavar="RUNS", help="only this: a late request of each kind, in each order, so many times"
    )
    parser.add_argument("--kafka", help="a broker that runs already (host:port), instead of one of its own")
    parser.add_argument("--json", action="store_true", help="print one JSON object, as the line before the verdict")
    return parser.parse_args()


def main(options: argparse.Namespace) -> int:
    if options.only is not None:
        for (kind, number), drawn in fate.draw(options.only).items():
            print(f"{kind} {number}: {json.dumps(asdict(drawn), default=lambda what: what.value)}")  # noqa: T201
        return 0
    logging.disable(logging.CRITICAL)  # the client tells of every broken connection
    if options.kafka:
        return verdict(options, Settings(kafka=options.kafka))
    with running("--base") as stack:
        return verdict(options, stack.settings)


def verdict(options: argparse.Namespace, settings: Settings) -> int:
    return late_requests(options.late, settings) if options.late else transactions(options, settings)


def late_requests(runs: int, settings: Settings) -> int:
    say(f"late {', '.join(late.KINDS)}, {runs} runs of both orders")
    world = experiment.World(settings)
    try:
        found = asyncio.run(late.run(world, runs=runs))
    finally:
        world.close()
    say(f"{len(found.answers)} late requests, by the error code of the answer: {dict(Counter(found.answers))}")
    say(f"{len(found.attempts)} transactions: {dict(Counter(attempt.outcome for attempt in found.attempts))}")
    return told(found.wrong)


def transactions(options: argparse.Namespace, settings: Settings) -> int:
    say(f"{options.transactions:,} transactions, seed {options.seed}")
    report = asyncio.run(experiment.run(settings, options.transactions, options.seed, tell))
    say(f"outcomes: {report.outcomes}")
    say(f"late requests, by the error code of the answer: {dict(report.late)}")
    if options.json:
        found = {"outcomes": report.outcomes, "faults": report.faults, "late": report.late, "wrong": report.wrong}
        print(json.dumps({"seed": options.seed, **found}))  # noqa: T201
    return told(report.wrong)


def told(wrong: Sequence[str]) -> int:
    for line in wrong:
        say(line)
    print("ALL-OR-NOTHING" if not wrong else f"{len(wrong)} WRONG")  # noqa: T201
    return 1 if wrong else 0


def tell(done: int) -> None:
    if done % 100 == 0:
        say(f"  {done:,} done")


if __name__ == "__main__":
    sys.exit(main(arguments()))

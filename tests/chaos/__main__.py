"""`python -m tests.chaos --minutes N`: ends with one JSON line, and exits 0 only if nothing is missing or wrong."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))  # as pytest has it: the package is `chaos` for both

from chaos.brokers import KINDS, BrokerFaults, Window, gap, p99, stack_of, three_brokers  # noqa: E402
from chaos.client import connect, found  # noqa: E402
from chaos.faults import random_faults  # noqa: E402
from chaos.load import Load  # noqa: E402
from chaos.probe import Probe  # noqa: E402
from chaos.run import experiment  # noqa: E402
from chaos.secured import security  # noqa: E402
from chaos.stack import Stack  # noqa: E402
from chaos.verdict import Verdict  # noqa: E402

SHOWN = 20


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long to go on (default 2)")
    parser.add_argument("--rate", type=float, default=20.0, help="commands a second (default 20)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeats the same choices")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="3: a cluster that loses brokers")
    kinds = f"what becomes of each of three brokers, with commas (default {','.join(KINDS)})"
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS), help=kinds)
    parser.add_argument("--data", type=Path, help="data directory of the stack (default: a new one, deleted after)")
    asked = parser.parse_args()
    if unknown := {*asked.kinds} - KINDS.keys():
        parser.error(f"there is no kind {', '.join(sorted(unknown))}")
    return asked


async def run(stack: Stack, options: argparse.Namespace, brokers: BrokerFaults | None = None) -> bool:
    """Whether everything that was acknowledged is there, once and right. With `brokers`, under their faults."""
    history = [] if options.data else ["--empty", "--port", "0"]
    said = await stack.json("up", "--detach", *history)
    password = next(login["password"] for login in said["logins"] if login["login"] == "admin")
    seconds = options.minutes * 60
    say(f"{options.rate:g} commands a second for {seconds:g} s at {said['gateway']}, seed {options.seed}")
    draw = random.Random(options.seed)
    async with connect(said["gateway"]) as http:
        company = await found(http, "admin", password)
        load = Load(company, options.rate, draw)
        ends = time.monotonic() + seconds
        if brokers:
            async with Probe(brokers.cluster) as probe:
                verdict = await experiment(stack, company, load, brokers.inject, brokers.over.is_set)
            for window in brokers.windows:
                say(_of(window, load, probe))
        else:
            faults = random_faults(stack, seconds, draw)
            verdict = await experiment(stack, company, load, faults, lambda: time.monotonic() >= ends)
    report(verdict, load, stack)
    return verdict.ok


def _of(window: Window, load: Load, probe: Probe) -> str:
    return (
        f"{window.fault}: nothing was decided for {gap(window, load.decided_at):.1f} s at most, Kafka itself took no"
        f" record for {gap(window, probe.written_at):.1f} s; p99 of commands sent meanwhile {p99(window, load):.1f} s"
    )


def report(verdict: Verdict, load: Load, stack: Stack) -> None:
    say(f"{load.sent} commands sent, {load.unanswered} never answered, asked again after {dict(load.retries)}")
    for name in ("missing", "doubled", "wrong"):
        for sentence in getattr(verdict, name)[:SHOWN]:
            say(f"{name}: {sentence}")
    print(json.dumps({**verdict.counts(), "faults": dict(sorted(stack.faults.items()))}))  # noqa: T201


async def main(options: argparse.Namespace) -> int:
    data = options.data or Path(tempfile.mkdtemp(prefix="ates-chaos-")) / "data"
    if options.brokers == 1:
        return await _run_and_tidy(Stack(data, _timed), options)
    secured = security(data.parent)
    with three_brokers(data.parent / "brokers", secured) as cluster:
        say(f"three brokers are up: {cluster.servers}")
        stack = await stack_of(cluster, secured, data, _timed)
        return await _run_and_tidy(stack, options, BrokerFaults(cluster, stack, options.kinds))


def _timed(fault: str) -> None:
    say(f"{time.strftime('%H:%M:%S')} {fault}")


async def _run_and_tidy(stack: Stack, options: argparse.Namespace, brokers: BrokerFaults | None = None) -> int:
    ok = False
    try:
        ok = await run(stack, options, brokers)
    finally:
        if not options.data:
            await stack.ates("down")
            if ok:
                shutil.rmtree(stack.data.parent)
            else:
                say(f"kept for a look: {stack.data}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))

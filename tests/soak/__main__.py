"""`python -m tests.soak --hours N`: is everything flat over hours? Ends with one JSON line, and exits 0 if it is."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # as pytest has it: the packages are `chaos` and `soak` for both

from chaos.client import connect, found  # noqa: E402
from chaos.stack import Stack  # noqa: E402

from soak import publish  # noqa: E402
from soak.run import Soak, soak  # noqa: E402
from soak.samples import Sample  # noqa: E402


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0, help="how long (default 2)")
    parser.add_argument("--rate", type=float, default=10.0, help="commands a second (default 10)")
    parser.add_argument("--sample", type=float, default=60.0, metavar="SECONDS", help="between samples (default 60)")
    parser.add_argument("--kill", type=float, default=120.0, metavar="SECONDS", help="between kills (default 120)")
    parser.add_argument("--data", type=Path, help="data directory of the stack (default: a new one, deleted after)")
    parser.add_argument("--docs", action="store_true", help="publish: docs/soak.md, its picture and its samples")
    parser.add_argument("--note", default="", help="a sentence for the page, such as what else the machine did")
    return parser.parse_args()


async def run(stack: Stack, options: argparse.Namespace) -> Soak:
    history = [] if options.data else ["--empty", "--port", "0"]
    told = await stack.json("up", "--detach", *history)
    password = next(login["password"] for login in told["logins"] if login["login"] == "admin")
    say(f"{options.rate:g} commands a second for {options.hours:g} h at {told['gateway']}")
    async with connect(told["gateway"]) as http:
        company = await found(http, "admin", password)
        return await soak(
            stack,
            company,
            seconds=options.hours * 3600,
            rate=options.rate,
            sample_seconds=options.sample,
            kill_seconds=options.kill,
            tell=_tell,
        )


def _tell(sample: Sample) -> None:
    say(
        f"{sample.seconds / 60:6.1f} min  {sum(sample.memory.values()):,.0f} MiB in all, "
        f"{sum(sample.files.values()):,.0f} files, {sum(sample.threads.values()):,.0f} threads, "
        f"tables {sample.tables:g} MiB, lag {sample.lag:,}, {sample.tasks:,} decided, longest pause {sample.pause:g} s"
    )


async def main(options: argparse.Namespace) -> int:
    data = options.data or Path(tempfile.mkdtemp(prefix="ates-soak-")) / "data"
    stack = Stack(data, say)
    done = Soak()
    try:
        done = await run(stack, options)
    finally:
        if not options.data:
            await stack.ates("down")
    print(json.dumps(publish.summary(done)))  # noqa: T201
    if options.docs:
        say(f"written: {publish.write(done, options.rate, options.note)}")
    if done.ok and not options.data:
        shutil.rmtree(data.parent)
    else:
        say(f"kept for a look: {data}")
    return 0 if done.ok else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))

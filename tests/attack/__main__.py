"""`python -m tests.attack N`: N hostile requests to a stack of its own; ends with 1 when one of them broke it."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .run import attack

SHOWN = 20


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000, help="how many (default 100000)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeats the same requests")
    parser.add_argument("--data", type=Path, help="data directory of a stack that runs (default: a new one)")
    return parser.parse_args()


def ates(data: Path, *command: str) -> Any:
    """The JSON that a command ends with."""
    environ = {**os.environ, "ATES_DATA": str(data)}
    done = subprocess.run([sys.executable, "-m", "ates", *command], env=environ, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1]) if "--json" in command else None


def main() -> int:
    options = arguments()
    data = options.data or Path(tempfile.mkdtemp(prefix="ates-attack-"))
    own = [] if options.data else ["--empty", "--port", "0"]
    try:
        said = ates(data, "up", "--detach", "--json", *own)
        password = next(login["password"] for login in said["logins"] if login["login"] == "admin")
        say(f"{options.count:,} requests to {said['gateway']}, seed {options.seed}")
        found = attack(
            said, password, options.count, options.seed, lambda done: say(f"{done:,} of {options.count:,} answered")
        )
    finally:
        if not options.data:
            ates(data, "down")
            shutil.rmtree(data, ignore_errors=True)
    for sentence in found.wrong[:SHOWN]:
        say(sentence)
    print(json.dumps({"wrong": len(found.wrong), "statuses": dict(sorted(found.statuses.items()))}))  # noqa: T201
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

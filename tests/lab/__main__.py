"""`python -m tests.lab --times N`: every experiment of the lab N times. Ends with JSON, exits 0 if all held."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from own_demo import own_demo

from ates.tools.lab.catalogue import EXPERIMENTS, SECONDS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"length of a fault (default {SECONDS:g})")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=[*EXPERIMENTS], help="default: all")
    options = parser.parse_args()
    held: dict[str, int] = dict.fromkeys(options.only, 0)
    with own_demo() as demo:
        for _ in range(options.times):
            for name in options.only:
                done = demo.ates("lab", "run", name, "--seconds", str(options.seconds))
                print(f"{name}: {done.stdout.strip()}", file=sys.stderr, flush=True)  # noqa: T201
                held[name] += done.returncode == 0
    print(json.dumps({"times": options.times, "held": held}))  # noqa: T201
    return 0 if set(held.values()) == {options.times} else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.verifier --kills N`: exits 0 only when Apache's verifier says ALL-RECORDS-DELIVERED."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))  # as pytest has it: the package is `verifier` for both

from ates.embedded.console import Console  # noqa: E402
from verifier.apache import PASSED  # noqa: E402
from verifier.experiment import Report, experiment  # noqa: E402

OUTPUTS = {"simple": "echo, min and sum", "complex": "echo, min, sum, repartition, max and cnt"}


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)  # noqa: T201


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.verifier",
        description="Apache's verifier of exactly-once against our runtime: workers are killed (SIGKILL), paused past"
        " their session (SIGSTOP), added and removed on three brokers while it produces; then it checks every output.",
    )
    parser.add_argument(
        "--kills", type=int, default=20, help="how many SIGKILLs in all (default 20: some five minutes)"
    )
    parser.add_argument(
        "--outputs",
        choices=("simple", "complex", "both"),
        default="both",
        help="simple: echo, min, sum; complex: those, and repartition, max, cnt behind it; both (default): half each",
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeats the same choices")
    parser.add_argument("--brokers", action="store_true", help="each broker is killed, restarted or paused once, too")
    parser.add_argument("--network", action="store_true", help="the workers' links to the brokers are faulty, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object, as the line before the verdict")
    return parser.parse_args()


def main(options: argparse.Namespace) -> int:
    kinds = ("simple", "complex") if options.outputs == "both" else (options.outputs,)
    reports = {}
    for number, kind in enumerate(kinds):
        kills = options.kills // len(kinds) + (number < options.kills % len(kinds))
        say(f"{kind}: {OUTPUTS[kind]}; {kills} kills, seed {options.seed}")
        reports[kind] = run(kind, kills, options)
        if not reports[kind].passed:
            break
    if options.json:
        print(json.dumps({kind: summary(report) for kind, report in reports.items()}))  # noqa: T201
    passed = all(report.passed for report in reports.values())
    print(PASSED if passed else "FAILED")  # noqa: T201
    return 0 if passed else 1


def run(kind: str, kills: int, options: argparse.Namespace) -> Report:
    directory = Path(tempfile.mkdtemp(prefix="ates-verifier-"))
    try:
        report = experiment(
            directory,
            kills,
            options.seed,
            Console(),
            say,
            is_complex=kind == "complex",
            loses_brokers=options.brokers,
            breaks_links=options.network,
        )
    except Exception as error:
        say(f"no verdict: {type(error).__name__}: {error}; kept for a look: {directory}")
        return Report()
    say(f"{kind}: {json.dumps(summary(report))}")
    if report.passed:
        shutil.rmtree(directory)
    else:
        say(f"kept for a look: {directory}")
    return report


def summary(report: Report) -> dict[str, object]:
    """For people and programs."""
    median = statistics.median(report.ready_seconds) if report.ready_seconds else None
    return {
        "produced": report.produced,
        "faults": dict(Counter(report.faults)),
        "ready_after_kill_seconds_median": median and round(median, 2),
        "verdict": report.verdict,
    }


if __name__ == "__main__":
    sys.exit(main(arguments()))

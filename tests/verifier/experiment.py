"""One run: the verifier produces, the workers suffer, everything is worked off, the verifier speaks."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ates.embedded.downloads import Progress, kafka_home

from .apache import PASSED, Verifier
from .cluster import Cluster
from .losses import faulty_network, lose_brokers
from .workers import CYCLE, Say, Workers

CATCH_UP_SECONDS = 180.0
LAST_OUTPUT = {False: "echo", True: "cnt"}
COMMAND = {False: "verify", True: "verify-complex"}  # the second looks at everything that the first does


@dataclass
class Report:
    """`verdict` is the verifier's: `PASSED`, or what it said instead; empty when it was not asked."""

    produced: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ready_seconds: list[float] = field(default_factory=list)
    verdict: str = ""

    @property
    def passed(self) -> bool:
        return self.verdict == PASSED


def experiment(
    directory: Path,
    kills: int,
    seed: int,
    progress: Progress,
    say: Say,
    *,
    is_complex: bool,
    loses_brokers: bool = False,
    breaks_links: bool = False,
) -> Report:
    """On brokers of its own in `directory`, an empty one. Meanwhile each broker is lost once, and the workers' links to
    the brokers are faulty, if so wanted. Raises `NotReady`, `RuntimeError` or `TimeoutError` when it does not get as
    far as a verdict."""
    home = kafka_home(progress)
    cluster = Cluster(home, directory)
    verifier = Verifier(home, directory, cluster.servers, progress)
    report = Report()
    network = faulty_network(cluster.servers, report.faults, seed) if breaks_links else nullcontext(cluster.servers)
    # A broker ends with the thread that has started it, so that thread has to outlive the verdict.
    with network as servers, ThreadPoolExecutor(1) as beside:
        workers = Workers(servers, directory, say, random.Random(seed), report.faults, is_complex=is_complex)
        report.ready_seconds = workers.ready_seconds
        try:
            cluster.until_ready()
            cluster.create_topics(is_complex=is_complex)
            say(f"three brokers are up: {cluster.servers}")
            verifier.begin()
            workers.start()
            workers.until_ready()
            losing = beside.submit(lose_brokers, cluster, report.faults, say) if loses_brokers else None
            _suffer(verifier, workers, kills, say, losing)
            report.produced = verifier.end()
            _catch_up(cluster, workers, LAST_OUTPUT[is_complex], report.produced)
            workers.stop()
            say(f"{report.produced:,} numbers are worked off, asking the verifier …")
            report.verdict = verifier.verdict(COMMAND[is_complex])
        finally:
            workers.kill()
            verifier.kill()
            cluster.stop()
    return report


def _suffer(verifier: Verifier, workers: Workers, kills: int, say: Say, losing: Future[None] | None) -> None:
    """Until there were so many kills, and until all brokers that are lost meanwhile are back."""
    for step in count():
        if workers.faults["kill"] >= kills:
            break
        workers.suffer(CYCLE[step % len(CYCLE)])
        say(f"  {workers.faults['kill']} of {kills} kills, about {verifier.produced():,} numbers produced")
    if losing:
        losing.result()
        workers.until_ready()


def _catch_up(cluster: Cluster, workers: Workers, topic: str, wanted: int) -> None:
    """Wait until each number led to its last output. Too many come to rest too: those are for the verifier to find."""
    reader = cluster.reader(topic)
    give_up = time.monotonic() + CATCH_UP_SECONDS
    try:
        while (seen := reader.count()) < wanted:
            workers.until_ready()
            if time.monotonic() > give_up:
                raise TimeoutError(f"after {CATCH_UP_SECONDS:g} s {topic} has {seen} records, {wanted} were to come")
    finally:
        reader.close()

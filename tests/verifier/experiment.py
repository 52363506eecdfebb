"""One run: the verifier produces, the workers suffer, everything is worked off, the verifier speaks."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
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
    with network as servers:
        workers = Workers(servers, directory, say, random.Random(seed), report.faults, is_complex=is_complex)
        report.ready_seconds = workers.ready_seconds
        try:
            cluster.until_ready()
            cluster.create_topics(is_complex=is_complex)
            say(f"three brokers are up: {cluster.servers}")
            verifier.begin()
            workers.start()
            workers.until_ready()
            _suffer(cluster, verifier, workers, kills, say, loses_brokers=loses_brokers)
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


def _suffer(
    cluster: Cluster, verifier: Verifier, workers: Workers, kills: int, say: Say, *, loses_brokers: bool
) -> None:
    """Until there were so many kills, and until each broker was lost, if so wanted."""
    with ThreadPoolExecutor(1) as pool:
        losing = pool.submit(lose_brokers, cluster, workers.faults, say) if loses_brokers else None
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

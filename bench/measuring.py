"""One contender at work: what was visible when, and whether it is right.

While it works it is only asked how far the outputs are committed (one small request every 20 ms); what they were is
read and checked when it has ended. So a rate is exact, and the reader takes no time from the one it measures.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench import work
from bench.topics import Topics

SAMPLE_SECONDS = 0.02
REST_SECONDS = 2.0  # some commit twice a second: what is quiet for long has ended, or is short of CPU
LIMIT_SECONDS = 240.0

# Compilers warm up and a first transaction is large: the first fifth of the outputs is nobody's rate.
WARM_UP = 0.2


class Failed(Exception):
    """A contender did not do the work; the text says how."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`ends`: per partition the offset up to which the outputs were visible at `at` (seconds); `cpu`: seconds that the
    contender had spent by then."""

    at: float
    ends: tuple[int, ...]
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one contender did. A commit is one transaction as one partition sees it. CPU, in seconds, is the
    contender's own, without the broker's, in the time that counts for the rate."""

    events_per_second: float
    cpu_per_million: float
    seconds: float
    commits_per_partition: float
    milliseconds_between_commits: float


class Worker(Protocol):
    """A contender at work."""

    def ended(self) -> str:
        """Why it ended; empty while it works."""

    def cpu_seconds(self) -> float:
        """User and system time that it has taken so far, all its processes together."""


def watch(topics: Topics, output: str, count: int, worker: Worker) -> tuple[list[Sample], list[list[Any]]]:
    """Sample `output` until `count` outputs are there and nothing moves; returns them, too, per partition.

    Raises `Failed` when the contender has ended, and after `LIMIT_SECONDS`.
    """

    def sample() -> Sample:
        return Sample(time.monotonic(), topics.ends(output), worker.cpu_seconds())

    samples = [sample()]
    read: tuple[int, ...] | None = None  # up to where the outputs were looked at: markers count as offsets, too
    while True:
        time.sleep(SAMPLE_SECONDS)
        if ended := worker.ended():
            raise Failed(f"ended: {ended}")
        samples.append(sample())
        last = samples[-1]
        if sum(last.ends) >= count and last.ends != read and last.at - _moved(samples) > REST_SECONDS:
            records, read = topics.read(output, last.ends), last.ends
            if sum(map(len, records)) >= count:
                return samples, records
        if last.at - samples[0].at > LIMIT_SECONDS:
            raise Failed(f"wrote {sum(last.ends):,} of {count:,} outputs in {LIMIT_SECONDS:.0f} s")


def _moved(samples: Sequence[Sample]) -> float:
    """When the outputs grew last."""
    for earlier, later in zip(reversed(samples[:-1]), reversed(samples), strict=False):
        if earlier.ends != later.ends:
            return later.at
    return samples[0].at


def judge(
    samples: Sequence[Sample], records: Sequence[Sequence[Any]], count: int, account: Callable[[int], str]
) -> Run:
    """The rate, once the outputs were found to be right. Raises `Failed` when they are not."""
    check(records, count, account)
    offsets = [array("q", (record.offset() for record in partition)) for partition in records]

    def seen(sample: Sample) -> int:
        return sum(bisect_left(held, end) for held, end in zip(offsets, sample.ends, strict=True))

    first = next(sample for sample in samples if seen(sample))
    began = next(sample for sample in samples if seen(sample) >= count * WARM_UP)
    ended = next(sample for sample in samples if seen(sample) == count)
    if began is ended:  # so few that one look saw all of them: the look before it has to do
        began = samples[max(0, samples.index(ended) - 1)]
    seconds = max(ended.at - began.at, SAMPLE_SECONDS)
    commits = (sum(ended.ends) - count) / work.PARTITIONS
    return Run(
        events_per_second=(count - seen(began)) / seconds,
        cpu_per_million=round(1e6 * (ended.cpu - began.cpu) / (count - seen(began)), 2),
        seconds=round(ended.at - first.at, 3),
        commits_per_partition=commits,
        milliseconds_between_commits=round(1000 * (ended.at - first.at) / commits, 1) if commits else 0.0,
    )


def check(records: Sequence[Sequence[Any]], count: int, account: Callable[[int], str]) -> None:
    """One output for each input, and the balance right in each of them. Raises `Failed`."""
    outputs = [work.decode_result(record.value()) for partition in records for record in partition]
    ids = Counter(int(output["booking_id"], 16) for output in outputs)
    doubled, missing = sum(times - 1 for times in ids.values()), count - len(ids)
    if doubled or missing:
        raise Failed(f"{missing:,} outputs are missing, {doubled:,} are doubled")
    balances: Counter[str] = Counter()
    for output in outputs:
        balances[output["account_id"]] += output["amount_cents"]
        if balances[output["account_id"]] != output["balance_cents"]:
            raise Failed(f"balance of {output['account_id']} wrong after booking {output['booking_id']}")
    expected: Counter[str] = Counter()
    for number in range(count):
        expected[account(number)] += work.amount_cents(number)
    if balances != expected:
        raise Failed("the last balances are wrong")

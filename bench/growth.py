"""What an event costs our runtime when there are ever more accounts: each has a row before the first event comes."""

from __future__ import annotations

import statistics
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from ates.streams import TableSpec
from ates.streams.changelog import Changelogs
from bench import work
from bench.peers.balance import Balance
from bench.race import measure
from bench.stack import say
from bench.topics import Topics, partition_of

ACTIVE = 10_000


def run(broker: str, accounts: tuple[int, ...], events: int, rounds: int = 1) -> dict[str, Any]:
    """Microseconds per event for each number of accounts: with as many of them active everywhere, and with all.

    Medians; a round measures each once, so that a machine that is slow for a while is so for all.
    """
    topics = Topics(broker)
    few = min(ACTIVE, *accounts)
    rates: dict[tuple[int, int], list[float]] = {(keys, active): [] for keys in accounts for active in (few, keys)}
    sources = {shape: _fill_source(topics, shape, events) for shape in rates}
    for _ in range(rounds):
        for shape, found in rates.items():
            keys, active = shape
            prepare = partial(fill_table, topics, keys)
            done = measure(topics, "ates", sources[shape], events, account=_accounts(shape), prepare=prepare)
            found.append(done.events_per_second)
            say(f"{keys:>9,} accounts, {active:,} active: {done.events_per_second:>10,.0f} events/s")
    topics.delete(list(sources.values()))
    cost = {shape: round(1e6 / statistics.median(found), 2) for shape, found in rates.items()}
    costs = {
        "as_many_active": {str(keys): cost[keys, few] for keys in accounts},
        "all_active": {str(keys): cost[keys, keys] for keys in accounts},
    }
    ratios = {name: round(found[str(accounts[-1])] / found[str(accounts[0])], 2) for name, found in costs.items()}
    return {
        "events": events, "rounds": rounds, "active": few, "microseconds_per_event": costs, "last_by_first": ratios,
    }  # fmt: skip


def _accounts(shape: tuple[int, int]) -> Callable[[int], str]:
    keys, active = shape
    return partial(work.account, keys=keys, active=active)


def _fill_source(topics: Topics, shape: tuple[int, int], events: int) -> str:
    source = f"bench-input-{uuid.uuid4().hex[:8]}"
    topics.make(source)
    topics.fill(source, (work.event(number, _accounts(shape)) for number in range(events)))
    return source


def fill_table(topics: Topics, keys: int, group: str) -> None:
    """Changelogs as they would be had every account been there before: what the runtime restores."""
    changelogs = Changelogs(group, [TableSpec("balances", Balance, "")])
    rows: list[dict[str, Any]] = [{} for _ in range(work.PARTITIONS)]
    for number in range(keys):
        key = f"account-{number:07d}"
        rows[partition_of(key.encode())][key] = Balance(0)
    for partition, held in enumerate(rows):
        written = changelogs.outgoing(partition, {"balances": held}, 0)
        topics.fill(changelogs.topics["balances"], ((r.key or b"", r.value or b"") for r in written), partition)

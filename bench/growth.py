"""What an event costs our runtime when there are ever more accounts: each has a row before the first event comes."""

from __future__ import annotations

import statistics
import uuid
from functools import partial
from typing import Any

from ates.streams import TableSpec
from ates.streams.changelog import Changelogs
from bench import work
from bench.peers.balance import Balance
from bench.race import measure
from bench.stack import say
from bench.topics import Topics, partition_of


def run(broker: str, accounts: tuple[int, ...], events: int, rounds: int = 1) -> dict[str, Any]:
    """Microseconds per event for each number of accounts; events go to all of them equally often."""
    topics = Topics(broker)
    microseconds: dict[str, float] = {}
    for keys in accounts:
        source = f"bench-input-{uuid.uuid4().hex[:8]}"
        topics.make(source)
        topics.fill(source, (work.event(number, keys) for number in range(events)))
        rates = []
        for _ in range(rounds):
            done = measure(topics, "ates", source, events, keys=keys, prepare=partial(fill_table, topics, keys))
            rates.append(done.events_per_second)
            say(f"{keys:>9,} accounts: {done.events_per_second:>10,.0f} events/s")
        topics.delete([source])
        microseconds[str(keys)] = round(1e6 / statistics.median(rates), 2)
    costs = list(microseconds.values())
    return {"events": events, "microseconds_per_event": microseconds, "last_by_first": round(costs[-1] / costs[0], 2)}


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

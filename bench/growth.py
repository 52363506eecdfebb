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

ACTIVE = 10_000


def run(broker: str, accounts: tuple[int, ...], events: int, rounds: int = 1) -> dict[str, Any]:
    """Microseconds per event for each number of accounts: with as many of them active everywhere, and with all."""
    topics = Topics(broker)
    active = min(ACTIVE, *accounts)
    costs = {
        "as_many_active": {str(keys): _cost(topics, keys, active, events, rounds) for keys in accounts},
        "all_active": {str(keys): _cost(topics, keys, 0, events, rounds) for keys in accounts},
    }
    ratios = {name: round(found[str(accounts[-1])] / found[str(accounts[0])], 2) for name, found in costs.items()}
    return {"events": events, "active": active, "microseconds_per_event": costs, "last_by_first": ratios}


def _cost(topics: Topics, keys: int, active: int, events: int, rounds: int) -> float:
    account = partial(work.account, keys=keys, active=active)
    source = f"bench-input-{uuid.uuid4().hex[:8]}"
    topics.make(source)
    topics.fill(source, (work.event(number, account) for number in range(events)))
    rates = []
    for _ in range(rounds):
        done = measure(topics, "ates", source, events, account=account, prepare=partial(fill_table, topics, keys))
        rates.append(done.events_per_second)
        say(f"{keys:>9,} accounts, {active or keys:,} active: {done.events_per_second:>10,.0f} events/s")
    topics.delete([source])
    return round(1e6 / statistics.median(rates), 2)


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

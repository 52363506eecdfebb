"""Transactions that are open now, and those that were aborted lately, with producer, age and owner."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ates.streams.changelog import topic_name
from ates.tables import TABLES
from ates.tools.topics.browser import Topics
from ates.tools.transactions.log_batches import Batch
from ates.tools.transactions.owners import Owner, owner_of
from ates.tools.transactions.wire import At, Brokers, Described, connected
from ates.topology import TOPICS, WORKERS

SINCE_SECONDS = 3600
# Of the search for markers that abort.
FETCHES, SECONDS = 64, 5.0
_DONE = ("Empty", "CompleteCommit", "CompleteAbort", "Dead")


@dataclass(frozen=True, slots=True)
class Open:
    """A transaction under way. age_s: since it was begun; places: partitions that it wrote to, each with the first
    offset that nobody can read yet, where a broker tells it."""

    transactional_id: str
    owner: Owner
    producer_id: int
    epoch: int
    state: str
    age_s: float
    timeout_s: float
    places: tuple[tuple[At, int | None], ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "transactional_id": self.transactional_id or None,
            "owner": self.owner.name or None,
            "producer_id": self.producer_id,
            "epoch": self.epoch,
            "state": self.state,
            "age_s": round(self.age_s, 3),
            "timeout_s": self.timeout_s,
            "wrote": [{"topic": t, "partition": n, "from": offset} for (t, n), offset in self.places],
        }


@dataclass(frozen=True, slots=True)
class Aborted:
    """An aborted transaction by its markers. at_ms: when the first one was written, since 1970."""

    transactional_id: str
    owner: Owner
    producer_id: int
    epoch: int
    at_ms: int
    markers: tuple[Batch, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "transactional_id": self.transactional_id or None,
            "owner": self.owner.name or None,
            "producer_id": self.producer_id,
            "epoch": self.epoch,
            "at_ms": self.at_ms,
            "markers": [{"topic": m.place[0], "partition": m.place[1], "offset": m.base} for m in self.markers],
        }


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The oldest open ones first, the latest aborted ones first. batches: how many were looked at since `since_ms`;
    complete: whether these were all."""

    open: list[Open]
    aborted: list[Aborted]
    since_ms: int
    batches: int
    complete: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "open": [each.to_json() for each in self.open],
            "aborted": [each.to_json() for each in self.aborted],
            "since_ms": self.since_ms,
            "complete": self.complete,
        }


async def unfinished(topics: Topics, since_ms: int) -> Unfinished:
    """Those of our own topics and changelogs. Raises `Unavailable`."""
    places = await topics.look(lambda _: _places(topics))
    async with connected(topics.cluster.settings, [*{topic for topic, _ in places}]) as brokers:
        under_way, names = await _open(brokers, places)
        starts = await topics.look(lambda _: topics.cluster.since(places, since_ms))
        search = _Aborts(brokers, time.monotonic() + SECONDS)
        await asyncio.gather(*(search.of(place, start) for place, start in starts.items()))
    return Unfinished(under_way, search.found(names), since_ms, search.batches, search.complete)


def _places(topics: Topics) -> list[At]:
    changelogs = [
        topic_name(worker.name, spec.name)
        for worker in WORKERS.values()
        for agent in worker.agents
        for spec in (TABLES[agent.tables] if agent.tables else ())
    ]
    known = topics.cluster.partitions()
    return [(name, number) for name in (*TOPICS, *changelogs) for number in known.get(name, ())]


async def _open(brokers: Brokers, places: Sequence[At]) -> tuple[list[Open], dict[int, str]]:
    """What is open, the oldest first; and the transactional id of every producer that a coordinator knows."""
    listed, writing = await asyncio.gather(brokers.transactions(), brokers.writing(places))
    described = await brokers.describe([each for each in listed if each.state not in _DONE])
    now_ms = time.time() * 1000
    firsts = {(each.producer_id, each.place): each.open_from for each in writing}
    found = [_of_coordinator(each, firsts, now_ms) for each in described if each.begun_ms > 0 or each.places]
    known = {each.producer_id for each in described}
    # Open in a partition, but for no coordinator: it hangs, and nothing behind it can be read.
    for one in (one for one in writing if one.producer_id not in known):
        age_s = (now_ms - one.written_ms) / 1000
        place = ((one.place, one.open_from),)
        found.append(Open("", Owner(), one.producer_id, one.epoch, "Hanging", age_s, 0.0, place))
    names = {each.producer_id: each.transactional_id for each in listed}
    return sorted(found, key=lambda each: -each.age_s), names


def _of_coordinator(each: Described, firsts: dict[tuple[int, At], int], now_ms: float) -> Open:
    places = tuple((place, firsts.get((each.producer_id, place))) for place in each.places)
    age_s = max(0.0, (now_ms - each.begun_ms) / 1000) if each.begun_ms > 0 else 0.0
    name, owner = each.transactional_id, owner_of(each.transactional_id)
    return Open(name, owner, each.producer_id, each.epoch, each.state, age_s, each.timeout_ms / 1000, places)


class _Aborts:
    """Collects the markers that abort."""

    def __init__(self, brokers: Brokers, deadline: float) -> None:
        self._brokers = brokers
        self._deadline = deadline
        self._markers: dict[tuple[int, int], list[Batch]] = {}
        self.batches = 0
        self.complete = True

    async def of(self, place: At, start: int) -> None:
        """Those of a partition from an offset on."""
        for _ in range(FETCHES):
            found = await self._brokers.batches(place, start)
            if not found:
                return
            self.batches += len(found)
            for batch in found:
                if batch.marker == "abort":
                    self._markers.setdefault((batch.producer_id, batch.epoch), []).append(batch)
            if time.monotonic() > self._deadline:
                break
            start = found[-1].last + 1
        self.complete = False

    def found(self, names: dict[int, str]) -> list[Aborted]:
        """By transaction, the latest first."""
        aborted = [
            Aborted(
                name := names.get(producer, ""),
                owner_of(name),
                producer,
                epoch,
                min(marker.time_ms for marker in markers),
                tuple(markers),
            )
            for (producer, epoch), markers in self._markers.items()
        ]
        return sorted(aborted, key=lambda each: -each.at_ms)

"""Where the audit compares: at offsets noted once, while everything goes on. Invariant 9 on the way.

Agents work after the fact, so not everything in the log has had its effect. Four notes are taken, in this order:

due         ends of all topics. The audit waits until every reader has passed them, and then until what pricing asked
            for on the way is booked: what lies below them must be in tables and in the ledger.
shown       how far the read models are, in the database snapshot that they are then compared in.
changelogs  ends of the tables' changelogs.
ends        ends of the log, effects before their causes: what is in a table or view is certainly below them.

An end is noted as the broker has it, and counts when the last stable offset has reached it: every transaction begun
before is then decided. One that is not within `HANGING_SECONDS` (longer than any of ours may last) hangs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from ates import topology
from ates.domain.errors import Unavailable
from ates.platform.log_reader import Offsets, TopicLog
from ates.tools.audit.report import Report
from ates.topology import TOPICS, WORKERS
from ates.topology_types import DEAD_LETTERS

HANGING_SECONDS = 20.0
RETRY_SECONDS = 0.2

# Whose work the audit waits for: what each of these consumer groups reads. Mails move no money.
GROUPS = {name: [topic.name for topic in WORKERS[name].sources] for name in ("tasks", "accounting", "analytics")}
OUTCOMES = [topic.name for topic in WORKERS["outcomes"].sinks]
LIVE = tuple(name for name in TOPICS if not name.endswith(DEAD_LETTERS))
LETTERS = tuple(name for name in TOPICS if name.endswith(DEAD_LETTERS))
_EFFECTS: tuple[tuple[str, ...], ...] = (
    (topology.ACCOUNTING_TRANSACTIONS.name, *OUTCOMES),
    (topology.ACCOUNTING_COMMANDS.name,),
    (topology.TASKS_EVENTS.name,),
)
EFFECTS_FIRST = (*_EFFECTS, tuple(name for name in LIVE if not any(name in topics for topics in _EFFECTS)))

Say = Callable[[str], None]


@dataclass(slots=True)
class Cutoffs:
    """The four notes. `letters`: ends of the topics of dead letters."""

    due: Offsets
    shown: Offsets
    changelogs: Offsets
    ends: Offsets
    letters: Offsets

    def is_due(self, where: tuple[str, int], offset: int) -> bool:
        return offset < self.due.get(where, 0)

    def is_shown(self, where: tuple[str, int], offset: int) -> bool:
        return offset < self.shown.get(where, 0)


@dataclass(slots=True)
class CutoffFinder:
    """Takes the notes."""

    log: TopicLog
    report: Report
    wait_s: float
    say: Say
    _hanging: set[tuple[str, int]] = field(default_factory=set)

    async def take(self, snapshot: Callable[[], Awaitable[Offsets]], tables: Iterable[str]) -> Cutoffs:
        """`snapshot` opens the database snapshot and tells how far the read models are in it.

        Raises `Unavailable` (`audit_not_idle`) when somebody has not read up to here within `wait_s` seconds.
        """
        self.say("looking for transactions that hang")
        due = self._stable(LIVE)
        deadline = time.monotonic() + self.wait_s
        for group, read in GROUPS.items():
            await self._until(group, _of(due, read), deadline)
        booked = self._stable([topology.ACCOUNTING_COMMANDS.name])
        await self._until("accounting", booked, deadline)
        figures = self._stable([topology.ANALYTICS_FIGURES.name])
        shown = await self._shown(snapshot, {**due, **figures}, deadline)
        changelogs = self._stable(tables)
        ends: Offsets = {}
        for topics in EFFECTS_FIRST:
            ends |= self._stable(topics)
        return Cutoffs(due, shown, changelogs, ends, self._stable(LETTERS))

    def _stable(self, topics: Iterable[str]) -> Offsets:
        topics = list(topics)
        ends = self.log.ends(topics, committed=False)
        give_up = time.monotonic() + HANGING_SECONDS
        while True:
            stable = self.log.ends(topics)
            open_ones = {where for where, end in ends.items() if stable.get(where, 0) < end} - self._hanging
            if not open_ones or time.monotonic() > give_up:
                break
            time.sleep(RETRY_SECONDS)
        ninth = self.report[9]
        ninth.checked += len(ends)
        for topic, partition in sorted(open_ones):
            ninth.violate(
                f"{topic}[{partition}]: a transaction hangs since {stable[topic, partition]},"
                f" its end was {ends[topic, partition]} {HANGING_SECONDS:g} s ago"
            )
        self._hanging |= open_ones
        return {where: min(end, stable.get(where, 0)) for where, end in ends.items()}

    async def caught_up(self, positions: Callable[[], Awaitable[Offsets]], deadline: float) -> None:
        """Wait until analytics has counted every transaction of now, and the read models show it and its figures.

        `positions` tells how far the read models are. Raises `Unavailable`, as `take` does.
        """
        booked = self._stable([topology.ACCOUNTING_TRANSACTIONS.name])
        await self._until("analytics", booked, deadline)
        await self._shown(positions, {**booked, **self._stable([topology.ANALYTICS_FIGURES.name])}, deadline)

    async def _until(self, group: str, ends: Offsets, deadline: float) -> None:
        await self._wait(lambda: self.behind(group, self.log.group_offsets(group), ends), deadline)

    async def _shown(self, snapshot: Callable[[], Awaitable[Offsets]], due: Offsets, deadline: float) -> Offsets:
        while True:
            shown = await snapshot()
            ends = {where: end for where, end in due.items() if where in shown}
            outcomes = _of(ends, OUTCOMES)
            views = {where: end for where, end in ends.items() if where not in outcomes}
            late = self.behind("outcomes", shown, outcomes) + self.behind("views", shown, views)
            if not late:
                return shown
            await self._once_more(late, deadline)

    async def _wait(self, look: Callable[[], list[str]], deadline: float) -> None:
        while late := look():
            await self._once_more(late, deadline)

    async def _once_more(self, late: list[str], deadline: float) -> None:
        if time.monotonic() > deadline:
            raise Unavailable(
                "audit_not_idle",
                f"after {self.wait_s:g} s not everybody had read what was there when it began: {'; '.join(late)}",
            )
        self.say(f"waiting: {late[0]}")
        await asyncio.sleep(RETRY_SECONDS)

    def behind(self, reader: str, positions: Offsets, ends: Offsets) -> list[str]:
        """Partitions with a record between the two. Offsets alone don't tell: what ends a transaction has one too."""
        late = {where: end for where, end in ends.items() if positions.get(where, 0) < end}
        starts = {where: positions.get(where, 0) for where in late}
        unread = {(m.topic(), m.partition()) for batch in self.log.read(late, starts) for m in batch}
        return [f"{reader} is at {starts[it]} of {ends[it]} of {it[0]}[{it[1]}]" for it in sorted(unread)]


def _of(ends: Offsets, topics: Iterable[str]) -> Offsets:
    return {where: end for where, end in ends.items() if where[0] in topics}

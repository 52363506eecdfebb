"""Invariant 5: what was read is what took effect, what was known already, and what was put aside. No I/O.

Only what lay below the horizon when the audit began is counted: its readers have all passed it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ates.tools.audit.report import Report

Where = tuple[str, int]
Origin = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(slots=True)
class Count:
    """Records of one partition. `under_way`: long commands that go on in a later record."""

    read: int = 0
    applied: int = 0
    deduplicated: int = 0
    under_way: int = 0
    dead_letters: int = 0


@dataclass(slots=True)
class Reading:
    """`letters` are the origins of all dead letters; `unreadable` those of records that do not decode."""

    report: Report
    partitions: dict[Where, Count] = field(default_factory=lambda: defaultdict(Count))
    letters: set[Origin] = field(default_factory=set)
    _unreadable: set[Origin] = field(default_factory=set)

    def unreadable(self, origin: Origin) -> None:
        """A record below the horizon that nobody can read."""
        self._unreadable.add(origin)

    def handled(self, origin: Origin, first: bool) -> None:
        """A record that had its effect, now or before."""
        topic, partition, _ = origin
        count = self.partitions[topic, partition]
        if origin in self.letters:
            return
        if first:
            count.applied += 1
        else:
            count.deduplicated += 1

    def went_on(self, origin: Origin) -> None:
        """A record whose command has no outcome yet, and a later record."""
        self.partitions[origin[:2]].under_way += 1

    def vanished(self, origin: Origin, what: str) -> None:
        """A record that no effect is known of: it must have a dead letter."""
        if origin not in self.letters:
            self.report[5].violate(f"{_at(origin)}, {what}, was read, and neither took effect nor has a dead letter")

    def finish(self, due: dict[Where, int]) -> None:
        """Sum up."""
        fifth = self.report[5]
        for topic, partition, offset in self.letters:
            if offset < due.get((topic, partition), 0):
                self.partitions[topic, partition].dead_letters += 1
        for origin in self._unreadable - self.letters:
            fifth.violate(f"{_at(origin)} can't be read and has no dead letter")
        for (topic, partition), count in self.partitions.items():
            fifth.checked += count.read
            known = count.applied + count.deduplicated + count.under_way + count.dead_letters
            if count.read != known:
                fifth.violate(
                    f"{topic}[{partition}]: {count.read} records read, but {count.applied} applied"
                    f" + {count.deduplicated} deduplicated + {count.under_way} under way"
                    f" + {count.dead_letters} dead letters = {known}"
                )


def _at(origin: Origin) -> str:
    return f"{origin[0]}[{origin[1]}] at {origin[2]}"

"""A story reads many topics at once: a busy one is left in time for the others, and the story says that it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from ates.tools.topics import story
from ates.tools.topics.decoding import Decoded
from ates.tools.topics.records import Record
from ates.tools.topics.scanning import Limits

BUSY, QUIET = ("tasks.events", 0), ("tasks.commands", 1)


class Scanner:
    """Two partitions, of which each step reads the rest or a thousand records."""

    def __init__(self, ends: dict[tuple[str, int], int]) -> None:
        self.positions = dict.fromkeys(ends, 0)
        self.scanned = 0
        self._ends = dict(ends)

    @property
    def reading(self) -> list[tuple[str, int]]:
        return [at for at in self._ends if self.positions[at] < self._ends[at]]

    @property
    def done(self) -> bool:
        return not self.reading

    def step(self) -> Iterator[Any]:
        for at in self.reading:
            read = min(1000, self._ends[at] - self.positions[at])
            self.positions[at] += read
            self.scanned += read
        return iter(())

    def leave(self, at: tuple[str, int], position: int) -> None:
        self._ends[at] = position


def read(scanner: Any, budget: int = 10**9) -> tuple[bool, int]:
    limits = Limits(budget, time.monotonic() + 60, threading.Event())
    return story._read(scanner, dict.fromkeys(scanner.positions, 0), limits, []), limits.scanned


def test_all_of_a_quiet_time_is_read() -> None:
    assert read(Scanner({BUSY: 1500, QUIET: 10})) == (True, 1510)


def test_a_busy_topic_is_left_and_the_others_are_read_to_their_ends() -> None:
    scanner = Scanner({BUSY: 10**6, QUIET: 5000})
    complete, scanned = read(scanner)
    assert not complete
    assert scanner.positions[QUIET] == 5000
    assert story.BUDGET_OF_SPAN <= scanned - 5000 < story.BUDGET_OF_SPAN + 2000


def test_nothing_is_read_beyond_the_budget_of_the_whole() -> None:
    complete, scanned = read(Scanner({BUSY: 15_000, QUIET: 15_000}), budget=6000)
    assert (complete, scanned) == (False, 6000)


def record(id: str, cause: str = "") -> Record:
    headers: list[tuple[str, bytes | None]] = [("ce_id", id.encode()), ("ce_causationid", cause.encode())]
    return Record("tasks.events", 0, 0, 0, "create", None, headers, b"", Decoded("text", ""))


def test_what_is_older_is_searched_only_where_a_cause_is_lacking() -> None:
    command, event, fee = record("command"), record("event", "command"), record("fee", "event")
    assert not story._lacks_a_cause(command, [event, fee])
    assert not story._lacks_a_cause(fee, [event, command])
    assert story._lacks_a_cause(fee, [event])
    assert story._lacks_a_cause(event, [])
    assert story._lacks_a_cause(record("a", "b"), [record("b", "a")])  # a circle has no first cause, and an end

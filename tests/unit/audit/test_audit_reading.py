"""What was read is accounted for; what is still under way is told from what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from ates.tools.audit import tasks as work
from ates.tools.audit.buckets import BUCKETS, Buckets
from ates.tools.audit.completeness import Reading
from ates.tools.audit.cutoffs import EFFECTS_FIRST
from ates.tools.audit.report import Report
from ates.topology import ORIGINS

EVENTS, COMMANDS = ("tasks.events", 0), ("tasks.commands", 0)
TASK, KESHA = "11111111-1111-4111-8111-111111111111", "kesha"


@pytest.fixture
def reading() -> Reading:
    return Reading(Report())


def violations(reading: Reading, number: int = 5) -> list[str]:
    return reading.report[number].violations


def test_rows_come_back_once_those_of_a_key_together_and_in_order() -> None:
    with Buckets() as buckets:
        for number in range(150_000):
            buckets.put((f"key {number % 3000}", "x", number))
        seen: dict[str, list[int]] = {}
        for bucket in buckets.each():
            here: dict[str, list[int]] = {}
            for key, _, number in bucket:
                here.setdefault(key, []).append(number)
            assert not here.keys() & seen.keys()
            seen |= here
    assert len(seen) == 3000 > BUCKETS
    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert sum(map(len, seen.values())) == 150_000


def test_every_record_read_is_applied_known_or_put_aside(reading: Reading) -> None:
    reading.letters.add((*EVENTS, 2))
    reading.partitions[EVENTS].read = 3
    reading.handled((*EVENTS, 0), first=True)
    reading.handled((*EVENTS, 1), first=False)
    reading.unreadable((*EVENTS, 2))
    reading.finish({EVENTS: 3})
    assert violations(reading) == []


def test_a_record_that_leaves_no_trace_is_named(reading: Reading) -> None:
    reading.partitions[EVENTS].read = 2
    reading.handled((*EVENTS, 0), first=True)
    reading.unreadable((*EVENTS, 1))
    reading.finish({EVENTS: 2})
    named, summed = violations(reading)
    assert named == "tasks.events[0] at 1 can't be read and has no dead letter"
    assert summed.startswith("tasks.events[0]: 2 records read, but 1 applied")


def test_a_dead_letter_from_after_the_audit_began_does_not_count(reading: Reading) -> None:
    reading.letters.add((*EVENTS, 7))
    reading.finish({EVENTS: 7})
    assert violations(reading) == []


@pytest.mark.parametrize(
    ("later_is_due", "decided", "expected"),
    [(True, True, 0), (True, False, 2), (False, False, 0), (False, True, 0)],
)
def test_a_command_has_its_outcome_or_goes_on_in_a_later_record(
    reading: Reading, later_is_due: bool, decided: bool, expected: int
) -> None:
    rows: list[Any] = [["id", "C", "tasks", 0, 0, 0, True], ["id", "C", "tasks", 0, 0, 1, later_is_due]]
    rows += [["id", "R", "tasks", 0]] * decided
    work.Commands(reading).judge(rows)
    assert len(violations(reading)) == expected


def test_another_partitions_outcome_is_not_this_ones(reading: Reading) -> None:
    work.Commands(reading).judge([["id", "C", "tasks", 1, 1, 0, True], ["id", "R", "tasks", 0]])
    assert len(violations(reading)) == 1


def dealt(due: bool) -> list[Any]:
    fields = {"task_id": TASK, "version": 1, "assignee_id": KESHA, "assignment": 1}
    return list(work.event("TaskAssigned", fields, 0, 0, due, False))


@pytest.mark.parametrize(("due", "expected"), [(True, 1), (False, 0)])
def test_a_fee_that_is_still_on_its_way_is_not_missing(reading: Reading, due: bool, expected: int) -> None:
    work.Tasks(reading.report, reading).judge([dealt(due)])
    assert reading.report[3].violated == expected
    assert bool(reading.report[7].violated) == due


def test_what_pricing_put_aside_owes_no_fee(reading: Reading) -> None:
    reading.letters.add((*EVENTS, 0))
    work.Tasks(reading.report, reading).judge([dealt(True)])
    assert violations(reading, 3) == []


def test_a_charge_that_was_read_and_never_booked_is_named(reading: Reading) -> None:
    fields = {"task_id": TASK, "assignment": 1}
    work.Tasks(reading.report, reading).judge([list(work.asked("ChargeFee", fields, 2, 9, True))])
    (sentence,) = violations(reading)
    assert sentence.startswith(f"accounting.commands[2] at 9, which asks for {TASK}:fee:1")


def test_every_topic_is_read_once() -> None:
    assert sorted(name for topics in EFFECTS_FIRST for name in topics) == sorted(topic.name for topic in ORIGINS)

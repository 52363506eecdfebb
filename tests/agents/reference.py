"""What aTES must do, written once more from the requirements: plain lists and sums over the whole history, no pages,
no running totals, no rows. It is told what was drawn (assignees, prices) and when a close began.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from ates.domain.accounting.messages import ChargeFee, CloseDay
from ates.domain.accounting.state import DayClose
from ates.domain.commands import CommandRejected, Outcome
from ates.domain.tasks.messages import AssignTasks, CreateTask, TaskAssigned, TaskCompleted


class Tasks:
    """One partition of tasks, following the commands in the order they were handled."""

    def __init__(self) -> None:
        self.assignee: dict[str, str] = {}
        self.done: set[str] = set()
        self.seen: set[str] = set()
        self.waiting: dict[str, set[str]] = {}
        self.dealt: dict[str, int] = defaultdict(int)
        self.fees: dict[tuple[str, int], str] = {}
        self.rewards: dict[str, str] = {}

    def handled(self, command: Any, sent: list[Any], eligible: frozenset[str]) -> None:
        """Check what was sent for `command` while the `eligible` were known."""
        events = [record for record in sent if not isinstance(record, Outcome)]
        outcomes = [record for record in sent if isinstance(record, Outcome)]
        if isinstance(command, AssignTasks):
            self._shuffled(command, events, outcomes, eligible)
        elif command.command_id in self.seen:
            assert events == []
        elif isinstance(command, CreateTask):
            self._expect(outcomes, "" if eligible else "nobody_eligible")
            assert bool(events) == bool(eligible)
            for event in events[1:]:
                self._dealt_to(event, eligible)
        else:
            code = self._completes(command.task_id, command.actor_id)
            self._expect(outcomes, code)
            assert bool(events) == (code == "")
            for event in events:
                assert (event.task_id, event.assignee_id) == (command.task_id, command.actor_id)
                assert isinstance(event, TaskCompleted)
                self.done.add(event.task_id)
                self.rewards[event.task_id] = event.assignee_id
        self.seen.add(command.command_id)

    def _completes(self, task_id: str, actor_id: str) -> str:
        if task_id not in self.assignee:
            return "task_not_found"
        if self.assignee[task_id] != actor_id:
            return "not_assignee"
        return "task_already_completed" if task_id in self.done else ""

    def _shuffled(
        self, command: AssignTasks, events: list[Any], outcomes: list[Outcome], eligible: frozenset[str]
    ) -> None:
        key = command.command_id
        if key not in self.seen:
            self.waiting[key] = set(self.assignee) - self.done
        for event in events:
            assert event.task_id not in self.done
            self.waiting[key].remove(event.task_id)
            self.dealt[key] += 1
            self._dealt_to(event, eligible)
        for outcome in outcomes:
            left = self.waiting.pop(key) - self.done
            assert not left if eligible else not events
            assert isinstance(outcome, CommandRejected) == bool(left and not self.dealt[key])
            assert outcome.code or json.loads(outcome.result) == {"assigned": self.dealt[key]}

    def _dealt_to(self, event: Any, eligible: frozenset[str]) -> None:
        assert isinstance(event, TaskAssigned)
        assert event.assignee_id in eligible
        assert event.assignment == 1 + sum(task_id == event.task_id for task_id, _ in self.fees)
        self.assignee[event.task_id] = event.assignee_id
        self.fees[event.task_id, event.assignment] = event.assignee_id

    @staticmethod
    def _expect(outcomes: list[Outcome], code: str) -> None:
        assert [outcome.code for outcome in outcomes] == [code]


def books(handled: list[tuple[Any, list[Any]]]) -> dict[str, list[tuple[str, str | None, int, date]]]:
    """Per account what one partition of the ledger must have written, in order: kind, task, cents, business day.

    `handled` holds commands, None for the timer, and a `DayClose` when one began: the days in order.
    """
    entries: dict[str, list[tuple[str, str | None, int, date]]] = defaultdict(list)
    seen: set[tuple[str, int]] = set()
    asked: set[date] = set()
    closed = date.min
    for command, _ in handled:
        if isinstance(command, CloseDay):
            if command.day <= command.issued_at.date():
                asked.add(command.day)
        elif isinstance(command, DayClose):
            assert closed < command.day
            assert command.day in asked
            closed = command.day
            for book in entries.values():
                due = sum(cents for _, _, cents, day in book if day <= closed)
                if due > 0:
                    book.append(("payout", None, -due, closed))
        elif command is not None:
            fee = isinstance(command, ChargeFee)
            effect = (command.task_id, command.assignment if fee else 0)
            if effect not in seen:
                seen.add(effect)
                day = max(command.occurred_at.date(), closed + timedelta(days=1))
                kind, cents = ("fee", -command.amount_cents) if fee else ("reward", command.amount_cents)
                entries[command.account_id].append((kind, command.task_id, cents, day))
    assert closed == max(asked, default=date.min), "in the end every day that was asked for is closed"
    return entries

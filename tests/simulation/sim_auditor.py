"""Reads what a reader of committed records sees, after every step, and says at once when it is not right.

The rules are invariants 1 to 5: entries balance, sums and chains hold, one fee for each assignment and one reward for
each completion at the task's own price, one payout for each account and day, and every record read is accounted for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from typing import Any

from ates.domain.accounting.ledger import chain_hash
from ates.domain.accounting.messages import TransactionApplied
from ates.domain.accounting.state import GENESIS
from ates.domain.tasks.messages import TaskAssigned, TaskCompleted, TaskCreated
from ates.streams.testing import Envelope, Record, Violation
from ates.streams.testing.simulated_kafka import Kafka

WATCHED = (
    "tasks.events", "tasks.outcomes", "accounting.transactions", "accounting.outcomes",
    "tasks.commands.dlq", "tasks.events.dlq", "accounting.commands.dlq", "accounting.transactions.dlq",
)  # fmt: skip


def require(condition: object, what: str) -> None:
    if not condition:
        raise Violation(what)


class Auditor:
    """Follows all outputs. `events`, `fees`, `rewards` and so on are what it has seen so far."""

    def __init__(self, kafka: Kafka, partitions: int) -> None:
        self._kafka = kafka
        self._read = {(topic, partition): 0 for topic in WATCHED for partition in range(partitions)}
        self._look = {
            "tasks.events": self._event,
            "tasks.outcomes": self._outcome,
            "accounting.outcomes": self._outcome,
            "accounting.transactions": self._transaction,
        }
        self.events: set[tuple[str, int]] = set()
        self.assignee: dict[str, str] = {}
        self.assigned: dict[tuple[str, int], str] = {}
        self.completed: dict[str, str] = {}
        self.outcomes: dict[tuple[str, int], Any] = {}
        self.fees: dict[tuple[str, str], str] = {}
        self.rewards: dict[str, str] = {}
        self.payouts: set[tuple[str, date]] = set()
        self.last: dict[str, TransactionApplied] = {}
        self.entries: dict[str, list[TransactionApplied]] = defaultdict(list)
        self.letters: Counter[tuple[str, int, int]] = Counter()
        self._fee: dict[str, int] = {}

    def look(self) -> None:
        """At what has become visible since the last time."""
        changed, self._kafka.changed = self._kafka.changed, {}
        for partition in changed:
            if partition in self._read:
                records, self._read[partition] = self._kafka.read(partition, self._read[partition])
                for record in records:
                    if record.topic.endswith(".dlq"):
                        self._letter(record)
                    elif isinstance(record.value, Envelope):
                        self._look[record.topic](record.value.value)

    def _event(self, event: Any) -> None:
        version = (event.task_id, event.version)
        require(version not in self.events, f"event {version} came twice")
        self.events.add(version)
        if isinstance(event, TaskAssigned):
            self.assignee[event.task_id] = event.assignee_id
            self.assigned[event.task_id, event.assignment] = event.assignee_id
        elif isinstance(event, TaskCompleted):
            require(event.task_id not in self.completed, f"task {event.task_id} was completed twice")
            self.completed[event.task_id] = event.assignee_id
        else:
            require(isinstance(event, TaskCreated), f"unknown event {event}")

    def _outcome(self, outcome: Any) -> None:
        known = self.outcomes.setdefault((outcome.command_id, outcome.partition), outcome)
        require(known == outcome, f"outcome {outcome} contradicts {known}")

    def _transaction(self, entry: TransactionApplied) -> None:
        last = self.last.get(entry.account_id)
        self._chained(entry, last)
        self.last[entry.account_id] = entry
        self.entries[entry.account_id].append(entry)
        if entry.kind == "payout":
            self._payout(entry)
        else:
            self._priced(entry)

    @staticmethod
    def _chained(entry: TransactionApplied, last: TransactionApplied | None) -> None:
        sequence, balance, chain = (last.sequence, last.balance_cents, last.chain_hash) if last else (0, 0, GENESIS)
        require(isinstance(entry.amount_cents, int), "an amount is an integer")
        require(entry.account_id != entry.counter_account_id, "money moves between two accounts")
        require(entry.sequence == sequence + 1, f"after {sequence} of {entry.account_id} came {entry.sequence}")
        require(entry.balance_cents == balance + entry.amount_cents, f"{entry} does not continue {balance}")
        require(entry.chain_hash == chain_hash(entry, chain), f"{entry} does not continue the chain")

    def _priced(self, entry: TransactionApplied) -> None:
        assert entry.task_id is not None
        require(entry.task_id in self.assignee, f"{entry} has no task")
        if entry.kind == "fee":
            require((entry.task_id, entry.transaction_id) not in self.fees, f"{entry} came twice")
            fee = self._fee.setdefault(entry.task_id, -entry.amount_cents)
            require(-entry.amount_cents == fee, f"task {entry.task_id} has two prices")
            require(fee in range(1000, 2001, 100), f"{fee} is no fee")
            self.fees[entry.task_id, entry.transaction_id] = entry.account_id
        else:
            require(entry.task_id not in self.rewards, f"{entry} came twice")
            require(entry.amount_cents in range(2000, 4001, 100), f"{entry.amount_cents} is no reward")
            self.rewards[entry.task_id] = entry.account_id

    def _payout(self, entry: TransactionApplied) -> None:
        day = (entry.account_id, entry.business_day)
        require(day not in self.payouts, f"{day} was paid twice")
        self.payouts.add(day)
        before = self.entries[entry.account_id][:-1]
        due = sum(e.amount_cents for e in before if e.business_day <= entry.business_day)
        require(-entry.amount_cents == max(due, 0) > 0, f"{entry} pays what {due} was due")

    def _letter(self, record: Record) -> None:
        told = dict(record.headers)
        require(told["dlq_error"].startswith(b"no_envelope"), f"{told} failed")
        origin = (told["dlq_topic"].decode(), int(told["dlq_partition"]), int(told["dlq_offset"]))
        self.letters[origin] += 1
        require(self.letters[origin] == 1, f"{origin} was buried twice")

    def finish(self, commands: set[tuple[str, int]], garbage: set[tuple[str, int, int]]) -> None:
        """At the end, when everything has been handled: nothing is missing."""
        fees = Counter(self.fees.values()), Counter(task for task, _ in self.fees)
        due = Counter(self.assigned.values()), Counter(task for task, _ in self.assigned)
        require(fees == due, f"fees {fees} are not {due}")
        require(self.rewards == self.completed, f"rewards {self.rewards} are not {self.completed}")
        require(set(self.outcomes) == commands, f"no outcome: {commands - set(self.outcomes)}")
        require(set(self.letters) == garbage, f"not buried: {garbage - set(self.letters)}")

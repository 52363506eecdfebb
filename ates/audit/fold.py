"""An independent fold of the log: what tasks, accounts and days must be, and whether the money is right.

No I/O. Records of one partition come in the order of the log; partitions and topics in any order among each other.
Memory grows with tasks, accounts and days, not with events: a fee and its assignment cancel out when both have been
seen. Money is integer cents.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from operator import attrgetter
from uuid import UUID, uuid5

from ates.accounting.messages import TransactionApplied
from ates.accounts.messages import Account
from ates.audit.fingerprint import ENTRY_FIELDS, Tally, fingerprint
from ates.audit.report import Report
from ates.tasks.messages import TaskAssigned, TaskCompleted, TaskCreated

# From docs/audit.md: how transactions are named and chained, and what tasks may cost.
TRANSACTION_IDS = UUID("c611eaa5-745a-5476-9623-353c566269d6")
COMPANY_ACCOUNT_ID = "04c10c6e-a7be-578e-96f2-f9887e00c45d"
FEES_CENTS = frozenset(range(1000, 2001, 100))
REWARDS_CENTS = frozenset(range(2000, 4001, 100))
SIGNS = {"fee": (-1,), "reward": (1,), "payout": (-1,), "correction": (-1, 1)}
_FIRST_CHAIN_HASH = "0" * 64
_entry_values = attrgetter(*ENTRY_FIELDS)


@dataclass(slots=True)
class Task:
    """What the log says about one task. `told` is a fingerprint of what its creation told, 0 before it is seen."""

    status: str = "open"
    assignee_id: str = ""
    assignment: int = 0
    version: int = 0
    told: int = 0
    completed_at: datetime | None = None
    fee_cents: int = 0
    reward_cents: int = 0


@dataclass(slots=True)
class Balance:
    """What the log says about one account."""

    balance_cents: int = 0
    sequence: int = 0
    chain_hash: str = _FIRST_CHAIN_HASH
    entries: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class Day:
    """Sums of a business day, each positive."""

    fees_cents: int = 0
    rewards_cents: int = 0
    payouts_cents: int = 0


@dataclass(slots=True)
class Fold:
    """Feed it with `event`, `transaction` and `account`, then call `finish`; what is wrong goes to `report`.

    legs: what each account, the company's too, has got in all
    charges, transactions: how many there must be, and their fingerprints added up
    """

    report: Report = field(default_factory=Report)
    tasks: dict[str, Task] = field(default_factory=lambda: defaultdict(Task))
    balances: dict[str, Balance] = field(default_factory=lambda: defaultdict(Balance))
    days: dict[date, Day] = field(default_factory=lambda: defaultdict(Day))
    accounts: dict[str, Account] = field(default_factory=dict)
    legs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    charges: Tally = field(default_factory=Tally)
    transactions: Tally = field(default_factory=Tally)
    _due: dict[str, tuple[str, str]] = field(default_factory=dict)
    _booked: dict[str, tuple[str, str]] = field(default_factory=dict)

    def account(self, account: Account) -> None:
        """A record of auth.accounts; older versions than the one held say nothing."""
        held = self.accounts.get(account.account_id)
        if held is None or account.version > held.version:
            self.accounts[account.account_id] = account

    def event(self, event: TaskCreated | TaskAssigned | TaskCompleted) -> None:
        """A record of tasks.events."""
        task = self.tasks[event.task_id]
        if event.version != task.version + 1:
            self.report[3].violate(f"task {event.task_id} goes from version {task.version} to {event.version}")
        task.version = event.version
        match event:
            case TaskCreated():
                task.told = fingerprint(event.author_id, event.jira_id, event.title, event.description)
            case TaskAssigned():
                self._assigned(task, event)
            case TaskCompleted():
                self._completed(task, event)

    def _assigned(self, task: Task, event: TaskAssigned) -> None:
        if event.assignment != task.assignment + 1 or task.status == "done":
            self.report[3].violate(
                f"task {event.task_id}, {task.status}, goes from assignment {task.assignment} to {event.assignment}"
            )
        task.assignment, task.assignee_id = event.assignment, event.assignee_id
        self._owed(f"{event.task_id}:fee:{event.assignment}", event.assignee_id)

    def _completed(self, task: Task, event: TaskCompleted) -> None:
        if event.assignee_id != task.assignee_id or task.status == "done":
            self.report[3].violate(
                f"task {event.task_id}, {task.status}, dealt to {task.assignee_id}, is completed by {event.assignee_id}"
            )
        task.status, task.completed_at = "done", event.completed_at
        self._owed(f"{event.task_id}:reward:0", event.assignee_id)

    def _owed(self, effect: str, account_id: str) -> None:
        """`effect` must be booked once, on `account_id`."""
        self.report[3].checked += 1
        self.charges.add(effect)
        transaction_id = str(uuid5(TRANSACTION_IDS, effect))
        if transaction_id in self._booked:
            self._match(effect, account_id, self._booked.pop(transaction_id)[1])
        else:
            self._due[transaction_id] = (effect, account_id)

    def transaction(self, entry: TransactionApplied) -> None:
        """A record of accounting.transactions."""
        self._double_entry(entry)
        self._running_balance(entry)
        self._by_day(entry)
        if entry.kind in ("fee", "reward"):
            self._cause(entry)
            self._price(entry)
        self.transactions.add(entry.transaction_id, entry.sequence)

    def _double_entry(self, entry: TransactionApplied) -> None:
        self.report[1].checked += 1
        signs = SIGNS.get(entry.kind, ())
        if type(entry.amount_cents) is not int or (entry.amount_cents > 0) - (entry.amount_cents < 0) not in signs:
            self.report[1].violate(f"{_name(entry)} moves {entry.amount_cents!r} cents")
        if entry.counter_account_id != COMPANY_ACCOUNT_ID or entry.account_id == COMPANY_ACCOUNT_ID:
            self.report[1].violate(f"{_name(entry)} is between {entry.account_id} and {entry.counter_account_id}")
        self.legs[entry.account_id] += entry.amount_cents
        self.legs[entry.counter_account_id] -= entry.amount_cents

    def _running_balance(self, entry: TransactionApplied) -> None:
        self.report[2].checked += 1
        held = self.balances[entry.account_id]
        if entry.sequence != held.sequence + 1:
            self.report[2].violate(f"account {entry.account_id} goes from sequence {held.sequence} to {entry.sequence}")
        if entry.balance_cents != held.balance_cents + entry.amount_cents:
            self.report[2].violate(
                f"{_name(entry)} of {entry.amount_cents} takes the balance from {held.balance_cents}"
                f" to {entry.balance_cents}"
            )
        if entry.chain_hash != chain_hash(entry, held.chain_hash):
            self.report[2].violate(f"{_name(entry)} does not follow in its chain of hashes")
        # What the record says, so that one wrong record is one violation and not all that follow it.
        held.balance_cents, held.sequence, held.chain_hash = entry.balance_cents, entry.sequence, entry.chain_hash
        held.entries.add(*_entry_values(entry))

    def _by_day(self, entry: TransactionApplied) -> None:
        day = self.days[entry.business_day]
        match entry.kind:
            case "fee":
                day.fees_cents -= entry.amount_cents
            case "reward":
                day.rewards_cents += entry.amount_cents
            case "payout":
                day.payouts_cents -= entry.amount_cents

    def _cause(self, entry: TransactionApplied) -> None:
        self.report[3].checked += 1
        if entry.transaction_id in self._due:
            effect, account_id = self._due.pop(entry.transaction_id)
            self._match(effect, account_id, entry.account_id)
        elif entry.transaction_id in self._booked:
            self.report[3].violate(f"{_name(entry)} is booked twice")
        else:
            self._booked[entry.transaction_id] = (_name(entry), entry.account_id)

    def _match(self, effect: str, dealt_to: str, booked_on: str) -> None:
        if dealt_to != booked_on:
            self.report[3].violate(f"{effect} is {dealt_to}'s, and is booked on {booked_on}")

    def _price(self, entry: TransactionApplied) -> None:
        task = self.tasks[entry.task_id or ""]
        if entry.kind == "fee":
            asked, price, usual = -entry.amount_cents, task.fee_cents, FEES_CENTS
            task.fee_cents = price or asked
        else:
            asked, price, usual = entry.amount_cents, task.reward_cents, REWARDS_CENTS
            task.reward_cents = price or asked
        if asked not in usual:
            self.report[3].violate(f"{_name(entry)} is {asked} cents, out of range")
        if price not in (0, asked):
            self.report[3].violate(f"{_name(entry)} is {asked} cents, and was {price} before for the same task")

    def finish(self) -> None:
        """Judge what only the end of the log can tell."""
        self.report[1].checked += 1
        total_cents = sum(self.legs.values())
        if total_cents != 0:
            self.report[1].violate(f"all entries sum to {total_cents} cents")
        for account_id, held in self.balances.items():
            self.report[2].checked += 1
            if self.legs[account_id] != held.balance_cents:
                self.report[2].violate(
                    f"account {account_id} has entries of {self.legs[account_id]} and a balance of {held.balance_cents}"
                )
        for effect, account_id in self._due.values():
            self.report[3].violate(f"{effect} of {account_id} is not booked")
        for name, account_id in self._booked.values():
            self.report[3].violate(f"{name} on {account_id} has no cause, or had its effect before")


def chain_hash(entry: TransactionApplied, previous: str) -> str:
    """SHA-256 over the previous one and this record's fields, a line each, as docs/audit.md has it."""
    lines = (
        previous, entry.transaction_id, entry.account_id, entry.counter_account_id, entry.kind, entry.amount_cents,
        entry.balance_cents, entry.task_id or "", entry.business_day, _milliseconds(entry.applied_at),
        _milliseconds(entry.occurred_at), entry.sequence,
    )  # fmt: skip
    return sha256("\n".join(map(str, lines)).encode()).hexdigest()


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _name(entry: TransactionApplied) -> str:
    return f"{entry.kind} {entry.transaction_id} (account {entry.account_id}, sequence {entry.sequence})"

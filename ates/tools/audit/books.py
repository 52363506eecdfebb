"""An independent fold of the ledger, account by account: invariants 1, 2, 4 and what every day must be.

No I/O. Records of one account come in the order of the log. Memory grows with accounts, not with transactions, but
for those that came while the audit began; of days it keeps a handful of numbers each.
Money is integer cents; days are numbers since 1970, times milliseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from ates.tools.audit.fingerprint import Growing, Tally
from ates.tools.audit.report import Report

COMPANY_ACCOUNT_ID = "04c10c6e-a7be-578e-96f2-f9887e00c45d"
SIGNS = {"fee": (-1,), "reward": (1,), "payout": (-1,), "correction": (-1, 1)}
FIRST_CHAIN_HASH = "0" * 64
DAYS_APART = 31
_EPOCH = date(1970, 1, 1)

Fields = dict[str, Any]


def day_of(number: int) -> date:
    """A day as Avro counts them."""
    return _EPOCH + timedelta(days=number)


@dataclass(slots=True)
class Account:
    """What the log says about one account. `unpaid` is by day, what was settled under `carried_cents`.

    A payout settles; a debt has none. So days that are closed are settled, too, as soon as there are more than
    `DAYS_APART`: through `settled_through`.

    due: sequence that its table row must have reached
    shown: what the read models must show: sequence and balance, entries as a tally
    """

    partition: int = 0
    balance_cents: int = 0
    entries_cents: int = 0
    sequence: int = 0
    chain_hash: str = FIRST_CHAIN_HASH
    carried_cents: int = 0
    paid_through: int = -1
    settled_through: int = -1
    unpaid: dict[int, int] = field(default_factory=dict)
    due: int = 0
    shown_sequence: int = 0
    shown_cents: int = 0
    shown: Tally = field(default_factory=Tally)
    row_met: bool = False

    def unpaid_through(self, day: int) -> int:
        """Booked through `day` and not paid, in cents."""
        return self.carried_cents + sum(cents for booked, cents in self.unpaid.items() if booked <= day)

    def settle(self, day: int) -> None:
        """Carry what was booked through `day`."""
        self.carried_cents = self.unpaid_through(day)
        self.unpaid = {booked: cents for booked, cents in self.unpaid.items() if booked > day}
        self.settled_through = max(self.settled_through, day)


@dataclass(slots=True)
class Books:
    """Feed it with `transaction`, then call `finish`. `rows` are the ledger's own, to be met on the way."""

    report: Report
    rows: Mapping[str, Fields] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    days: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    transactions: Growing = field(default_factory=Growing)
    company_cents: int = 0
    figures: Mapping[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    """What analytics counted, by day and partition: entries, fees, rewards, payouts; met on the way too."""
    counted: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0, 0, 0]))
    """By day and partition: entries, fees, rewards, payouts, and how many entries must have been counted."""
    _names: dict[int, str] = field(default_factory=dict)
    _closed: dict[int, int] = field(default_factory=dict)
    """By partition: the last day that somebody was paid for, through which nothing can be booked any more."""

    def transaction(self, entry: Fields, partition: int = 0, due: bool = True, shown: bool = True) -> None:
        """A record of accounting.transactions. `due`: tables must reflect it; `shown`: read models have read it."""
        account = self.accounts[entry["account_id"]]
        account.partition = partition
        self._double_entry(entry)
        if entry["kind"] == "payout":
            self._payout(account, entry)
        self._running(account, entry)
        if due:
            account.due = entry["sequence"]
        if shown:
            self._shown(account, entry)
        self._count(entry, partition, due)
        self._meet_row(account, entry)
        self.transactions.expect(hash((entry["transaction_id"], entry["sequence"])), due)

    def _double_entry(self, entry: Fields) -> None:
        amount, first = entry["amount_cents"], self.report[1]
        first.checked += 1
        if type(amount) is not int or (amount > 0) - (amount < 0) not in SIGNS.get(entry["kind"], ()):
            first.violate(f"{name(entry)} moves {amount!r} cents")
        other = entry["counter_account_id"]
        if other != COMPANY_ACCOUNT_ID or entry["account_id"] == COMPANY_ACCOUNT_ID:
            first.violate(f"{name(entry)} is between {entry['account_id']} and {other}")
        self.company_cents -= amount

    def _running(self, account: Account, entry: Fields) -> None:
        second, amount = self.report[2], entry["amount_cents"]
        second.checked += 1
        if entry["sequence"] != account.sequence + 1:
            second.violate(
                f"account {entry['account_id']} goes from sequence {account.sequence} to {entry['sequence']}"
            )
        if entry["balance_cents"] != account.balance_cents + amount:
            second.violate(
                f"{name(entry)} of {amount} takes the balance from {account.balance_cents} to {entry['balance_cents']}"
            )
        if entry["chain_hash"] != chain_hash(entry, account.chain_hash, self._day(entry["business_day"])):
            second.violate(f"{name(entry)} does not follow in its chain of hashes")
        # What the record says, so that one wrong record is one violation and not all that follow it.
        account.balance_cents, account.sequence = entry["balance_cents"], entry["sequence"]
        account.chain_hash = entry["chain_hash"]
        account.entries_cents += amount
        if entry["kind"] != "payout":
            day = entry["business_day"]
            account.unpaid[day] = account.unpaid.get(day, 0) + amount
            closed = self._closed.get(account.partition, -1)
            if len(account.unpaid) > DAYS_APART and closed > account.settled_through:
                account.settle(closed)
            if day <= account.paid_through:
                self.report[4].violate(f"{name(entry)} is booked on {day_of(day)}, which was paid out before")

    def _payout(self, account: Account, entry: Fields) -> None:
        fourth, day = self.report[4], entry["business_day"]
        fourth.checked += 1
        owed = account.unpaid_through(day)
        if day <= account.paid_through:
            fourth.violate(f"{name(entry)} is a second payout for {day_of(day)}")
        elif -entry["amount_cents"] != max(owed, 0):
            fourth.violate(f"{name(entry)} pays {-entry['amount_cents']} cents through {day_of(day)}, owed were {owed}")
        else:
            self._closed[account.partition] = max(self._closed.get(account.partition, -1), day)
        account.settle(day)
        account.carried_cents += entry["amount_cents"]
        account.paid_through = max(account.paid_through, day)

    def _shown(self, account: Account, entry: Fields) -> None:
        account.shown_sequence, account.shown_cents = entry["sequence"], entry["balance_cents"]
        account.shown.add(entry_hash(entry))
        sums = self.days[entry["business_day"]]
        if entry["kind"] == "fee":
            sums[0] -= entry["amount_cents"]
        elif entry["kind"] == "reward":
            sums[1] += entry["amount_cents"]
        elif entry["kind"] == "payout":
            sums[2] -= entry["amount_cents"]

    def _count(self, entry: Fields, partition: int, due: bool) -> None:
        """Sums of a day in a partition; what analytics made of as many entries must be the same."""
        key = (entry["business_day"], partition)
        sums, amount = self.counted[key], entry["amount_cents"]
        sums[0] += 1
        if entry["kind"] == "fee":
            sums[1] -= amount
        elif entry["kind"] == "reward":
            sums[2] += amount
        elif entry["kind"] == "payout":
            sums[3] -= amount
        if due:
            sums[4] = sums[0]
        figure = self.figures.get(key)
        if figure is not None and figure[0] == sums[0]:
            self.report[8].checked += 1
            if figure != tuple(sums[:4]):
                self.report[8].violate(
                    f"analytics counts {figure} on {day_of(key[0])} in partition {partition}, by the log {sums[:4]}"
                    " (entries, fees, rewards, payouts)"
                )

    def _finish_figures(self) -> None:
        for (day, partition), sums in self.counted.items():
            counted = self.figures.get((day, partition), (0,))[0]
            if not sums[4] <= counted <= sums[0]:
                self.report[8].violate(
                    f"analytics counts {counted} entries on {day_of(day)} in partition {partition}, not {sums[4]}"
                )
        for day, partition in self.figures.keys() - self.counted.keys():
            self.report[8].violate(
                f"analytics counts entries on {day_of(day)} in partition {partition}; there are none"
            )

    def _meet_row(self, account: Account, entry: Fields) -> None:
        """The ledger's row of the account, if it is the one after this entry."""
        row = self.rows.get(entry["account_id"])
        if row is None or row["sequence"] != entry["sequence"]:
            return
        account.row_met = True
        self.report[7].checked += 1
        for field_name in ("balance_cents", "chain_hash"):
            if row[field_name] != entry[field_name]:
                self.report[7].violate(
                    f"table accounts: {entry['account_id']} has {field_name} {row[field_name]},"
                    f" by the log {entry[field_name]}"
                )
        for day, cents in row["open_days"].items():
            number = (date.fromisoformat(day) - _EPOCH).days
            self.report[2].checked += 1
            if cents and number <= account.settled_through:
                self.report[2].violate(
                    f"table accounts: {entry['account_id']} has {cents} cents booked on {day}, which is closed"
                )
            elif account.unpaid.get(number, 0) != cents:
                self.report[2].violate(
                    f"table accounts: {entry['account_id']} has {cents} cents booked on {day},"
                    f" by its entries {account.unpaid.get(number, 0)}"
                )

    def finish(self, closed_through: Mapping[int, date] | None = None) -> None:
        """Judge what only the end of the log can tell. `closed_through`: the last day closed, by partition."""
        total = sum(account.entries_cents for account in self.accounts.values()) + self.company_cents
        self.report[1].checked += 1
        if total:
            self.report[1].violate(f"all entries sum to {total} cents")
        for account_id, account in self.accounts.items():
            self._finish(account_id, account)
            closed = (closed_through or {}).get(account.partition)
            if closed is not None:
                self.report[4].checked += 1
                owed = account.unpaid_through((closed - _EPOCH).days)
                if owed > 0:
                    self.report[4].violate(
                        f"account {account_id} is owed {owed} cents through {closed}, which is closed"
                    )
        if self.figures:
            self._finish_figures()
        for account_id in self.rows.keys() - self.accounts.keys():
            self.report[7].violate(f"table accounts: has {account_id}, which the log has not")

    def _finish(self, account_id: str, account: Account) -> None:
        self.report[2].checked += 1
        if account.entries_cents != account.balance_cents:
            self.report[2].violate(
                f"account {account_id} has entries of {account.entries_cents} and a balance of {account.balance_cents}"
            )
        row = self.rows.get(account_id)
        if row is None:
            if account.due:
                self.report[7].violate(f"table accounts: lacks {account_id}, which the log has")
            return
        if not account.row_met or row["sequence"] < account.due:
            self.report[7].violate(
                f"table accounts: {account_id} is at sequence {row['sequence']}, by the log at {account.due}"
            )
        parts = row["carried_cents"] + sum(row["open_days"].values())
        if parts != row["balance_cents"]:
            self.report[7].violate(
                f"table accounts: {account_id} has parts of {parts}, a balance of {row['balance_cents']}"
            )

    def _day(self, number: int) -> str:
        if number not in self._names:
            self._names[number] = day_of(number).isoformat()
        return self._names[number]


def chain_hash(entry: Fields, previous: str, day: str) -> str:
    """SHA-256 over the previous one and this record's fields, a line each, as docs/audit.md has it."""
    text = (
        f"{previous}\n{entry['transaction_id']}\n{entry['account_id']}\n{entry['counter_account_id']}\n{entry['kind']}\n"
        f"{entry['amount_cents']}\n{entry['balance_cents']}\n{entry['task_id'] or ''}\n{day}\n{entry['applied_at']}\n"
        f"{entry['occurred_at']}\n{entry['sequence']}"
    )
    return sha256(text.encode()).hexdigest()


def entry_hash(entry: Fields) -> int:
    """What a transaction in the log and a row of views.entries both hold."""
    return hash(
        (
            entry["transaction_id"], entry["account_id"], entry["sequence"], entry["kind"], entry["amount_cents"],
            entry["balance_cents"], entry["task_id"], entry["business_day"], entry["occurred_at"], entry["applied_at"],
        )
    )  # fmt: skip


def name(entry: Fields) -> str:
    """A transaction, for people."""
    return f"{entry['kind']} {entry['transaction_id']} (account {entry['account_id']}, sequence {entry['sequence']})"

"""What money looks like to the API and to the pages. Plain values, cents throughout; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from ates.web.kit.inputs import rfc3339
from ates.web.kit.pages import days


@dataclass(frozen=True, slots=True)
class Account:
    """`as_of` is when the balance last moved; None when it never did."""

    id: str
    name: str
    balance_cents: int
    as_of: datetime | None
    role: str = ""
    active: bool = True

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Account:
        """From a row of the queries `accounts.*`."""
        same = ("name", "balance_cents", "as_of", "role", "active")
        return cls(id=row["account_id"], **{name: row[name] for name in same})

    def to_json(self, now: datetime) -> dict[str, Any]:
        """The contract's shape; what never moved is true `now`."""
        return {
            "account_id": self.id,
            "balance_cents": self.balance_cents,
            "as_of": rfc3339(self.as_of or now),
        }


@dataclass(frozen=True, slots=True)
class EntryTask:
    """The task that an entry is about."""

    id: str
    title: str
    jira_id: str | None
    description: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an audit log. `amount_cents` is signed from the account's side, `at` is when its cause happened.

    account_id, name: whose it is
    applied_at: when the ledger applied it
    """

    transaction_id: str
    sequence: int
    kind: str
    amount_cents: int
    balance_cents: int
    task: EntryTask | None
    business_day: date
    at: datetime
    account_id: str
    name: str
    applied_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Entry:
        """From a row of the queries `entries.of_*`. A task that is not known yet has no words."""
        same = ("transaction_id", "sequence", "kind", "amount_cents", "balance_cents", "business_day")
        task = None
        if row["task_id"]:
            task = EntryTask(row["task_id"], row["title"] or "", row["jira_id"], row["description"] or "")
        return cls(
            task=task,
            at=row["occurred_at"],
            account_id=row["account_id"],
            name=row.get("name") or "",
            applied_at=row["applied_at"],
            **{name: row[name] for name in same},
        )

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "transaction_id": self.transaction_id,
            "kind": self.kind,
            "amount_cents": self.amount_cents,
            "balance_cents": self.balance_cents,
            "task": asdict(self.task) if self.task else None,
            "business_day": self.business_day.isoformat(),
            "at": rfc3339(self.at),
        }


def by_day(entries: Iterable[Entry]) -> list[tuple[date, list[Entry]]]:
    """Entries under their business days, in the order they come."""
    return [(day, list(of_day)) for day, of_day in groupby(entries, key=lambda entry: entry.business_day)]


@dataclass(frozen=True, slots=True)
class Earning:
    """What management charged, paid, and so earned on one day."""

    day: date
    fees_cents: int = 0
    rewards_cents: int = 0

    @property
    def earned_cents(self) -> int:
        """Fees minus rewards; below zero on a day when popugs won."""
        return self.fees_cents - self.rewards_cents

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Earning:
        """From a row of `earnings.between`."""
        return cls(row["day"], row["fees_cents"], row["rewards_cents"])

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "day": self.day.isoformat(),
            "earned_cents": self.earned_cents,
            "fees_cents": self.fees_cents,
            "rewards_cents": self.rewards_cents,
        }


def every_day(earnings: Iterable[Earning], first: date, last: date) -> list[Earning]:
    """An earning for each day of the range, zero where nothing was booked."""
    known = {earning.day: earning for earning in earnings}
    return [known.get(day, Earning(day)) for day in days.between(first, last)]


def payout_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """A payout in the contract's shape. `email_status` is pending, sent or failed, and then there is a reason."""
    return {
        "transaction_id": row["transaction_id"],
        "account_id": row["account_id"],
        "day": row["day"].isoformat(),
        "amount_cents": row["amount_cents"],
        "email_status": row["email_status"],
        "email_reason": row["reason"] or None,
    }

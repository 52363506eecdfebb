"""Judges what was promised against what really happened."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .books import Books
from .load import Told

FEES_CENTS = range(1000, 2001)
REWARDS_CENTS = range(2000, 4001)


@dataclass
class Verdict:
    """Each list holds sentences.

    missing: was promised with a 2xx, or follows from what was, and is not there
    doubled: is there more than once
    wrong: does not add up, or is told differently in different places
    """

    acknowledged: int = 0
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.missing or self.doubled or self.wrong)

    def counts(self) -> dict[str, int]:
        """The four numbers of the report."""
        lists = {"missing": self.missing, "doubled": self.doubled, "wrong": self.wrong}
        return {"acknowledged": self.acknowledged, **{name: len(sentences) for name, sentences in lists.items()}}


def judge(told: Iterable[Told], books: Books, audits: Iterable[dict[str, Any]]) -> Verdict:
    """`audits` are what `ates audit --json` said, the last time at rest."""
    verdict = Verdict()
    for command in told:
        _promised(verdict, command, books)
    _events(verdict, books)
    _transactions(verdict, books)
    _balances(verdict, books)
    _earnings(verdict, books)
    _read_models(verdict, books)
    found = {
        f"audit {invariant['number']}: {sentence}"
        for audit in audits
        for invariant in audit["invariants"]
        for sentence in invariant["violations"]
    }
    verdict.wrong += sorted(found)
    return verdict


def _promised(verdict: Verdict, command: Told, books: Books) -> None:
    decided = books.decided(command.command_id)
    name = f"{command.kind} {command.command_id}, answered {command.status}"
    if not command.acknowledged:
        if decided == "applied":
            verdict.wrong.append(f"{name} {command.code}, and was applied")
        return
    verdict.acknowledged += 1
    if not decided:
        verdict.missing.append(f"{name}, has no outcome")
    elif command.status != 202 and decided == "rejected":
        verdict.missing.append(f"{name}, was rejected")
    elif decided == "applied":
        effect = {"create": books.created, "complete": books.completed}.get(command.kind)
        if effect is not None and not effect[books.task_of(command.command_id)]:
            verdict.missing.append(f"{name}, left no event of its task")


def _events(verdict: Verdict, books: Books) -> None:
    for what, seen in (("created", books.created), ("assigned", books.assigned), ("completed", books.completed)):
        verdict.doubled += [f"task {key} {what} {count} times" for key, count in seen.items() if count > 1]


def _transactions(verdict: Verdict, books: Books) -> None:
    """One fee for each assignment and one reward for each completion, at one price each."""
    verdict.doubled += [
        f"transaction {key} {count} times"
        for key, count in Counter(entry["transaction_id"] for entry in books.transactions).items()
        if count > 1
    ]
    booked: dict[str, dict[str, list[int]]] = {"fee": defaultdict(list), "reward": defaultdict(list)}
    for entry in books.transactions:
        if entry["kind"] in booked:
            booked[entry["kind"]][entry["task_id"]].append(entry["amount_cents"])
    due_fees = Counter(task_id for task_id, _ in books.assigned)
    due_rewards = Counter(dict.fromkeys(books.completed, 1))
    for kind, due, sign, usual in (("fee", due_fees, -1, FEES_CENTS), ("reward", due_rewards, 1, REWARDS_CENTS)):
        for task_id in {*due, *booked[kind]}:
            amounts = booked[kind][task_id]
            few = due[task_id] - len(amounts)
            verdict.missing += [f"{kind} of {task_id}"] * max(few, 0)
            verdict.doubled += [f"{kind} of {task_id}"] * max(-few, 0)
            if len(set(amounts)) > 1 or any(sign * amount not in usual for amount in amounts):
                verdict.wrong.append(f"{kind}s of {task_id} are {amounts} cents")


def _balances(verdict: Verdict, books: Books) -> None:
    """Each account's balance by the log, and what running balances, changelog, read models and API make of it."""
    by_account: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in books.transactions:
        by_account[entry["account_id"]].append(entry)
    entries: Counter[str] = Counter()
    for row in books.rows["entries"]:
        entries[row["account_id"]] += row["amount_cents"]
    balances = {row["account_id"]: row["balance_cents"] for row in books.rows["balances"]}
    for account_id in {*by_account, *books.table, *balances, *entries, *books.answers}:
        log = by_account[account_id]
        sum_cents = sum(entry["amount_cents"] for entry in log)
        if [entry["sequence"] for entry in log] != list(range(1, len(log) + 1)):
            verdict.wrong.append(f"the sequence of {account_id} has gaps")
        told = {
            "its last transaction": log[-1]["balance_cents"] if log else 0,
            "the changelog": books.table.get(account_id, {}).get("balance_cents", 0),
            "views.balances": balances.get(account_id, 0),
            "views.entries": entries[account_id],
            "the API": books.answers.get(account_id, 0),
        }
        verdict.wrong += [
            f"{account_id} has {sum_cents} cents by the log, {cents} by {where}"
            for where, cents in told.items()
            if cents != sum_cents
        ]


def _earnings(verdict: Verdict, books: Books) -> None:
    fees: Counter[str] = Counter()
    rewards: Counter[str] = Counter()
    for entry in books.transactions:
        day = entry["business_day"].isoformat()
        fees[day] -= entry["amount_cents"] if entry["kind"] == "fee" else 0
        rewards[day] += entry["amount_cents"] if entry["kind"] == "reward" else 0
    by_log = {day: (fees[day] - rewards[day], fees[day], rewards[day]) for day in fees}
    by_api = {one["day"]: (one["earned_cents"], one["fees_cents"], one["rewards_cents"]) for one in books.earnings}
    verdict.wrong += [
        f"{day} earned {by_log.get(day)} by the log, {by_api.get(day)} by the API"
        for day in {*by_log, *by_api}
        if by_log.get(day) != by_api.get(day)
    ]


def _read_models(verdict: Verdict, books: Books) -> None:
    shown = {row["task_id"]: (row["status"], row["assignment"]) for row in books.rows["tasks"]}
    assignments = Counter(task_id for task_id, _ in books.assigned)
    for task_id in {*books.created, *shown}:
        by_log = ("done" if books.completed[task_id] else "open", assignments[task_id])
        if shown.get(task_id) != by_log:
            verdict.wrong.append(f"task {task_id} is {by_log} by the log, {shown.get(task_id)} by views.tasks")
    entries = {row["transaction_id"] for row in books.rows["entries"]}
    verdict.missing += [
        f"transaction {entry['transaction_id']} in views.entries"
        for entry in books.transactions
        if entry["transaction_id"] not in entries
    ]
    outcomes = {(row["command_id"], row["partition"]) for row in books.rows["outcomes"]}
    verdict.missing += [
        f"outcome of {command_id}[{partition}] in views.outcomes"
        for command_id, parts in books.outcomes.items()
        for partition in parts
        if (command_id, partition) not in outcomes
    ]

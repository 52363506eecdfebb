"""The judge of the chaos runs finds what it is there to find: nobody would notice a judge that never objects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any

import pytest

from ates import topology

from .books import Books
from .faults import ROUND, Turns
from .load import Told
from .stack import WORKERS
from .verdict import Verdict, judge

POPUG, TASK, CREATE, COMPLETE = "popug", "task", "command of creation", "command of completion"
PROMISED = [Told("create", CREATE, 201), Told("complete", COMPLETE, 202)]
IN_ORDER: list[dict[str, Any]] = [{"invariants": []}]


def outcome(kind: str = "CommandApplied") -> dict[int, dict[str, Any]]:
    return {0: {"type": kind, "partition": 0, "partitions": 1, "result": f'{{"task_id": "{TASK}"}}'}}


def transaction(sequence: int, kind: str, amount_cents: int, balance_cents: int) -> dict[str, Any]:
    return {
        "transaction_id": f"transaction {sequence}",
        "account_id": POPUG,
        "kind": kind,
        "task_id": TASK,
        "amount_cents": amount_cents,
        "balance_cents": balance_cents,
        "sequence": sequence,
        "business_day": date(2025, 3, 3),
    }


@pytest.fixture
def books() -> Books:
    """One task, created and completed: a fee of 10, a reward of 20."""
    books = Books()
    books.created[TASK] = books.assigned[TASK, 1] = books.completed[TASK] = 1
    books.outcomes[CREATE], books.outcomes[COMPLETE] = outcome(), outcome()
    books.transactions = [transaction(1, "fee", -1000, -1000), transaction(2, "reward", 2000, 1000)]
    books.table = {POPUG: {"balance_cents": 1000}}
    books.rows = {
        "tasks": [{"task_id": TASK, "status": "done", "assignment": 1}],
        "entries": [dict(entry) for entry in books.transactions],
        "balances": [{"account_id": POPUG, "balance_cents": 1000}],
        "outcomes": [{"command_id": CREATE, "partition": 0}, {"command_id": COMPLETE, "partition": 0}],
    }
    books.answers = {POPUG: 1000}
    books.earnings = [{"day": "2025-03-03", "earned_cents": -1000, "fees_cents": 1000, "rewards_cents": 2000}]
    return books


def counted(verdict: Verdict) -> tuple[int, int, int]:
    return len(verdict.missing), len(verdict.doubled), len(verdict.wrong)


def test_nothing_is_found_where_nothing_is_wrong(books: Books) -> None:
    verdict = judge(PROMISED, books, IN_ORDER)
    assert verdict.counts() == {"acknowledged": 2, "missing": 0, "doubled": 0, "wrong": 0}
    assert verdict.ok


def lose_the_outcome(books: Books) -> None:
    del books.outcomes[COMPLETE]


def lose_the_event(books: Books) -> None:
    del books.created[TASK]
    books.rows["tasks"] = []


def lose_the_reward(books: Books) -> None:
    del books.transactions[1]
    del books.rows["entries"][1]
    books.transactions[0]["balance_cents"] = books.table[POPUG]["balance_cents"] = books.answers[POPUG] = -1000
    books.rows["balances"][0]["balance_cents"] = -1000
    books.earnings[0] |= {"earned_cents": 1000, "rewards_cents": 0}


def lose_the_row_of_an_outcome(books: Books) -> None:
    del books.rows["outcomes"][0]


@pytest.mark.parametrize("lose", [lose_the_outcome, lose_the_event, lose_the_reward, lose_the_row_of_an_outcome])
def test_what_was_promised_and_is_not_there_is_missing(books: Books, lose: Callable[[Books], None]) -> None:
    lose(books)
    verdict = judge(PROMISED, books, IN_ORDER)
    assert counted(verdict) == (1, 0, 0)
    assert not verdict.ok


def test_a_201_that_was_rejected_is_missing(books: Books) -> None:
    books.outcomes[CREATE] = outcome("CommandRejected")
    assert counted(judge(PROMISED, books, IN_ORDER)) == (1, 0, 0)


def test_a_202_may_be_rejected_later(books: Books) -> None:
    books.outcomes[COMPLETE] = outcome("CommandRejected")
    assert judge(PROMISED, books, IN_ORDER).ok


def test_a_command_over_several_partitions_is_decided_when_all_have_spoken(books: Books) -> None:
    books.outcomes["shuffle"] = {0: {"type": "CommandApplied", "partition": 0, "partitions": 2, "result": "{}"}}
    books.rows["outcomes"].append({"command_id": "shuffle", "partition": 0})
    assert counted(judge([Told("assign", "shuffle", 202)], books, IN_ORDER)) == (1, 0, 0)


def test_a_refusal_that_was_applied_all_the_same_is_wrong(books: Books) -> None:
    told = [Told("complete", COMPLETE, 403, "not_assignee")]
    assert counted(judge(told, books, IN_ORDER)) == (0, 0, 1)


def test_a_second_completion_is_doubled(books: Books) -> None:
    books.completed[TASK] = 2
    assert counted(judge(PROMISED, books, IN_ORDER)) == (0, 1, 0)


def test_a_second_fee_is_doubled_and_a_transaction_seen_twice_too(books: Books) -> None:
    books.transactions.append(transaction(2, "fee", -1000, 0))
    verdict = judge(PROMISED, books, IN_ORDER)
    assert len(verdict.doubled) == 2
    assert not verdict.missing


@pytest.mark.parametrize("place", ["changelog", "balances", "entries", "api"])
def test_a_cent_anywhere_is_wrong(books: Books, place: str) -> None:
    match place:
        case "changelog":
            books.table[POPUG]["balance_cents"] += 1
        case "balances":
            books.rows["balances"][0]["balance_cents"] += 1
        case "entries":
            books.rows["entries"][0]["amount_cents"] += 1
        case "api":
            books.answers[POPUG] += 1
    verdict = judge(PROMISED, books, IN_ORDER)
    assert counted(verdict) == (0, 0, 1)
    assert "1000 cents by the log, 1001 by" in verdict.wrong[0]


def test_a_gap_in_a_sequence_is_wrong(books: Books) -> None:
    books.transactions[1]["sequence"] = 3
    assert counted(judge(PROMISED, books, IN_ORDER)) == (0, 0, 1)


def test_earnings_that_are_told_differently_are_wrong(books: Books) -> None:
    books.earnings[0]["fees_cents"] += 1
    assert counted(judge(PROMISED, books, IN_ORDER)) == (0, 0, 1)


def test_a_read_model_that_lags_behind_is_wrong(books: Books) -> None:
    books.rows["tasks"][0]["status"] = "open"
    assert counted(judge(PROMISED, books, IN_ORDER)) == (0, 0, 1)


def test_what_the_audit_objects_to_is_wrong(books: Books) -> None:
    audit = {"invariants": [{"number": 2, "violations": ["a chain is broken"]}]}
    assert judge(PROMISED, books, [audit, *IN_ORDER]).wrong == ["audit 2: a chain is broken"]


def test_every_worker_has_its_turn_at_every_fault() -> None:
    turns = Turns(Random(7))
    for kind in ROUND:
        taken = [turns.next(kind, WORKERS) for _ in WORKERS]
        assert sorted(taken) == sorted(f"worker.{name}" for name in topology.WORKERS)

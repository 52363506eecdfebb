"""A ledger that a bookkeeper can read, as a test.

    @bookkeeping(zone="Europe/Berlin")
    def test_a_day_ends_with_a_payout():
        '''
        2025-03-03 09:00  fee     kiwi  12.00  beak 1
            kiwi  2025-03-03  fee     -12.00  -12.00
        2025-03-03 17:00  reward  kiwi  30.00  beak
            kiwi  2025-03-03  reward  +30.00  +18.00
        2025-03-04 00:00  close   2025-03-03
            kiwi  2025-03-03  payout  -18.00  0.00
        '''

At the margin stands what the ledger is told and when (local time); indented below it what it writes: account, business
day, kind, amount, balance. `fee` names the task and which of its assignments it is for. What it writes must be that
and nothing else. `rejected CODE` stands where a command is refused. A semicolon starts a remark.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from delivery import Agent, key_of, records, uid

from ates.agents import day_close, ledger
from ates.domain.accounting.messages import ChargeFee, CloseDay, PayReward, TransactionApplied
from ates.domain.commands import CommandRejected
from ates.tables import TABLES


def bookkeeping(zone: str = "UTC") -> Callable[[Callable[[], None]], Callable[[], None]]:
    """The test is its docstring."""

    def decorate(test: Callable[[], None]) -> Callable[[], None]:
        @functools.wraps(test)
        def run() -> None:
            book = [line.partition(";")[0].rstrip() for line in textwrap.dedent(test.__doc__ or "").splitlines()]
            told = [line for line in book if line and not line.startswith(" ")]
            assert _normal(_write(told, ZoneInfo(zone))) == _normal(line for line in book if line)

        return run

    return decorate


def _write(told: list[str], zone: ZoneInfo) -> Iterator[str]:
    names: dict[str, str] = {}
    now = datetime(2030, 1, 1, tzinfo=UTC)
    agent = Agent(
        functools.partial(ledger.handle, zone=zone, now=lambda: now),
        TABLES["ledger"],
        timer=functools.partial(day_close.due, partitions=1, now=now, zone=zone),
    )
    for line in told:
        yield line
        command = _command(line.split(), zone, names)
        for record in records(agent.drain(command)):
            if isinstance(record, TransactionApplied):
                yield "    " + _entry(record, names)
            elif isinstance(record, CommandRejected):
                yield f"    rejected {record.code}"


def _command(words: list[str], zone: ZoneInfo, names: dict[str, str]) -> Any:
    day, clock, kind, *rest = words
    time = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone).astimezone(UTC)
    if kind == "close":
        return CloseDay(
            command_id=uid(f"close {rest[0]}"), actor_id=uid("clock"), request_hash="", issued_at=time,
            day=date.fromisoformat(rest[0]), partition=0, partitions=1,
        )  # fmt: skip
    popug, amount, task = rest[:3]
    names[uid(popug)] = popug
    money = {"account_id": uid(popug), "task_id": uid(task), "amount_cents": int(Decimal(amount) * 100)}
    if kind == "fee":
        return ChargeFee(**money, assignment=int(rest[3]), occurred_at=time)
    return PayReward(**money, occurred_at=time)


def _entry(entry: TransactionApplied, names: dict[str, str]) -> str:
    money = f"{_money(entry.amount_cents)} {_money(entry.balance_cents)}"
    return f"{names[key_of(entry)]} {entry.business_day} {entry.kind} {money}"


def _money(cents: int) -> str:
    return f"{Decimal(cents) / 100:+.2f}" if cents else "0.00"


def _normal(lines: Any) -> str:
    """One space between words, so that columns may be lined up as they please."""
    return "\n".join(("    " if line.startswith(" ") else "") + " ".join(line.split()) for line in lines)

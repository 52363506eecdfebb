"""A day is closed on a stack of its own, killed and killed again: everybody is paid once, and mailed what they got."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from chaos.client import Company, Person, connect, eventually, found

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

TASKS = 24
# A second accounting worker whose clock is a day ahead: for it, today is over.
TOMORROW = """
from datetime import UTC, datetime, timedelta
import ates.workers.accounting as worker
worker.now = lambda: datetime.now(UTC) + timedelta(days=1)
worker.app.run(loglevel="info")
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(own_stack: Any) -> AsyncIterator[Company]:
    """Everybody has earned something, or owes something, and nobody has been paid."""
    async with connect(own_stack.gateway) as http:
        company = await found(http, "admin", own_stack.password("admin"))
        await asyncio.gather(*(_work(company) for _ in range(TASKS)))
        await eventually(lambda: _booked(company), "every task was charged and paid")
        yield company


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unreachable(company: Company) -> Person:
    """The popug who is owed most, with an address that no mail server takes."""
    balances = await _balances(company)
    popug = company.who(max(balances, key=lambda account: balances[account]))
    assert popug is not None
    await _move(company, popug, "nobody@popug.example")
    return popug


async def _move(company: Company, popug: Person, email: str) -> None:
    answer = await company.admin.call("PATCH", f"/auth/api/accounts/{popug.id}", json={"email": email})
    assert answer.status == 200, answer


async def _work(company: Company) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    made = await company.manager.call("POST", "/tasks/api/tasks", json={"title": "Fly"}, headers=headers)
    assert made.status == 201, made
    assignee = company.who(made.body["task"]["assignee"]["id"])
    assert assignee is not None
    done = await assignee.call("POST", f"/tasks/api/tasks/{made.body['task']['id']}/complete", headers=headers)
    assert done.status == 200, done


async def _booked(company: Company) -> bool:
    logs = [await company.accountant.all("/accounting/api/entries", account=who.id) for who in company.everybody]
    return Counter(entry["kind"] for log in logs for entry in log)["reward"] == TASKS


async def _balances(company: Company) -> dict[str, int]:
    answers = [await company.accountant.get("/accounting/api/balance", account=who.id) for who in company.everybody]
    return {answer["account_id"]: answer["balance_cents"] for answer in answers}


def _pid(stack: Any, name: str) -> int:
    return int(next(service["pid"] or 0 for service in stack.status()["services"] if service["name"] == name))


async def _kill(stack: Any, name: str, times: int) -> None:
    """kill -9, again as soon as it is back."""
    killed: set[int] = {0}
    for _ in range(times):

        async def alive() -> int:
            pid = await asyncio.to_thread(_pid, stack, name)
            return 0 if pid in killed else pid

        pid = await eventually(alive, f"{name} is back")
        killed.add(pid)
        os.kill(pid, signal.SIGKILL)


async def test_a_day_closed_by_many_and_killed_in_the_middle_pays_everybody_once(
    own_stack: Any, company: Company, unreachable: Person, tmp_path: Path
) -> None:
    owed = {account: cents for account, cents in (await _balances(company)).items() if cents > 0}
    assert owed
    today = datetime.now(UTC).date().isoformat()
    log = (tmp_path / "ahead.log").open("wb")
    ahead = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TOMORROW, env=own_stack.environ, stdout=log, stderr=log
    )
    closing = asyncio.to_thread(own_stack.ates, "accounting", "close-day", today, "--json", "--wait", "200")
    try:
        by_hand = company.admin.call("POST", f"/accounting/api/days/{today}/close")
        said, answer, _ = await asyncio.gather(closing, by_hand, _kill(own_stack, "worker.accounting", 3))
    finally:
        ahead.send_signal(signal.SIGINT)
        await asyncio.wait_for(ahead.wait(), 60)
        log.close()
    assert answer.status == 202, answer
    assert json.loads(said.stdout)["payouts"] == len(owed)

    async def paid() -> list[dict[str, Any]]:
        payouts = await company.accountant.all("/accounting/api/payouts", day=today)
        return payouts if len(payouts) >= len(owed) else []

    payouts = await eventually(paid, "everybody's payout shows")
    assert {it["account_id"]: it["amount_cents"] for it in payouts} == owed
    assert len(payouts) == len(owed)
    assert all(cents <= 0 for cents in (await _balances(company)).values())

    again = own_stack.ates("accounting", "close-day", today, "--json")
    assert json.loads(again.stdout)["payouts"] == len(owed)


async def test_what_comes_after_the_close_is_booked_on_the_next_day(company: Company) -> None:
    await _work(company)
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()

    async def late() -> set[str]:
        logs = [await company.accountant.all("/accounting/api/entries", account=who.id) for who in company.everybody]
        return {entry["kind"] for log in logs for entry in log if entry["business_day"] == tomorrow}

    assert await eventually(late, "it was booked") <= {"fee", "reward"}


async def test_every_payout_is_mailed_also_when_the_mailer_is_killed(
    own_stack: Any, company: Company, unreachable: Person
) -> None:
    await _kill(own_stack, "worker.payouts", 1)

    async def told() -> dict[str, str] | None:
        payouts = await company.accountant.all("/accounting/api/payouts")
        statuses = {it["account_id"]: it["email_status"] for it in payouts}
        return None if "pending" in statuses.values() else statuses

    statuses = await eventually(told, "no mail waits", seconds=120)
    assert statuses.pop(unreachable.id) == "failed"
    assert set(statuses.values()) == {"sent"}
    assert len({mail["message_id"] for mail in await _mails(own_stack)}) == len(statuses)


async def test_a_failed_mail_is_sent_once_the_address_is_right_and_somebody_wants_it(
    own_stack: Any, company: Company, unreachable: Person
) -> None:
    (failed,) = await company.accountant.all("/accounting/api/payouts", account=unreachable.id)
    assert "550" in failed["email_reason"]
    await _move(company, unreachable, "here@popug.example")

    async def retried() -> bool:
        await company.accountant.call("POST", f"/accounting/api/payouts/{failed['transaction_id']}/mail")
        (now,) = await company.accountant.all("/accounting/api/payouts", account=unreachable.id)
        return bool(now["email_status"] == "sent")

    await eventually(retried, "the mail was sent")
    assert len([mail for mail in await _mails(own_stack) if "here@popug.example" in mail["recipients"]]) == 1


async def _mails(stack: Any) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as http, http.get(f"{stack.said['smtp_inbox']}/api/mails") as answer:
        found: list[dict[str, Any]] = (await answer.json())["items"]
        return found


async def test_the_books_hold_after_all_that(own_stack: Any, company: Company) -> None:
    assert own_stack.ates("audit", "--wait", "120").returncode == 0

"""The books as money people use them: closing a day, payouts with their mails, drilling down, taking it away."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from stand_in import ACCOUNTANT, ADMIN, MANAGER, OTHER, PAYOUT, TODAY, WORKER, as_, refusing, token

REASON = "550 no such popug"


@pytest.fixture
async def failed(accounting: Any) -> AsyncIterator[Any]:
    """The front end, with a payout whose mail was refused."""
    await _mail(accounting, "INSERT INTO views.mails VALUES ($1, 'failed', $2, now())", PAYOUT, REASON)
    yield accounting
    await _mail(accounting, "DELETE FROM views.mails")


async def _mail(accounting: Any, statement: str, *arguments: Any) -> None:
    connection = await asyncpg.connect(accounting.worker.admin)
    await connection.execute(statement, *arguments)
    await connection.close()


async def page(accounting: Any, path: str, who: str) -> str:
    answer = await accounting.get(path, headers={"Cookie": f"ates_access_80={token(who)}"})
    text: str = await answer.text()
    assert answer.status == 200, text
    return text


async def submit(accounting: Any, form_page: str, path: str, who: str, **fields: str) -> Any:
    """Send a form as a browser without scripts does."""
    text = await page(accounting, form_page, who)
    csrf = text.split('name="csrf" value="')[1].split('"')[0]
    headers = {"Cookie": f"ates_access_80={token(who)}", "Origin": "http://127.0.0.1"}
    return await accounting.post(path, data={"csrf": csrf, **fields}, headers=headers, allow_redirects=False)


async def test_the_api_says_what_became_of_a_payouts_mail(failed: Any) -> None:
    (paid,) = (await (await failed.get("/accounting/api/payouts", headers=as_(WORKER))).json())["items"]
    assert (paid["email_status"], paid["email_reason"]) == ("failed", REASON)


async def test_a_failed_mail_is_tried_again_by_money_people_only(failed: Any) -> None:
    url = f"/accounting/api/payouts/{PAYOUT}/mail"
    failed.worker.decide = lambda _command: {"result": {"email_status": "failed"}}
    for who in (WORKER, MANAGER):
        assert (await failed.post(url, headers=as_(who))).status == 403
    assert (await failed.post(url, headers=as_(ACCOUNTANT))).status == 202
    (command,) = failed.worker.sent
    assert (command.account_id, command.transaction_id, command.actor_id) == (WORKER, PAYOUT, ACCOUNTANT)
    unknown = await failed.post(url.replace(PAYOUT, OTHER), headers=as_(ADMIN))
    assert (unknown.status, (await unknown.json())["code"]) == (404, "payout_not_found")


async def test_the_payouts_page_shows_mails_with_their_reason_and_a_way_to_try_again(failed: Any) -> None:
    text = await page(failed, "/accounting/payouts", ACCOUNTANT)
    assert REASON in text
    assert "Try the mail to Rio Azul again" in text
    own = await page(failed, "/accounting/payouts", WORKER)
    assert REASON in own
    assert "Try again" not in own
    failed.worker.decide = lambda _command: {"result": {"email_status": "sent"}}
    answer = await submit(failed, "/accounting/payouts", f"/accounting/payouts/{PAYOUT}/mail", ACCOUNTANT)
    assert (answer.status, answer.headers["Location"]) == (303, "/accounting/payouts")


async def test_a_day_is_closed_after_a_question_that_says_what_it_pays(accounting: Any) -> None:
    text = await page(accounting, f"/accounting/close?day={TODAY}", ADMIN)
    assert "Nobody is owed anything" in text  # all but a debt was paid out already
    accounting.worker.decide = lambda command: {"result": {"paid": 1 + command.partition}}
    answer = await submit(accounting, "/accounting/close", "/accounting/close", ADMIN, day=str(TODAY))
    assert (answer.status, answer.headers["Location"]) == (303, f"/accounting/payouts?day={TODAY}")
    assert [command.day for command in accounting.worker.sent] == [TODAY, TODAY]


async def test_a_refused_close_says_why_on_its_page(accounting: Any) -> None:
    accounting.worker.decide = refusing("day_in_future")
    answer = await submit(accounting, "/accounting/close", "/accounting/close", ADMIN, day=str(TODAY))
    assert answer.status == 422
    assert "No, because." in await answer.text()


async def test_only_an_admin_closes_days_and_only_money_people_see_them(accounting: Any) -> None:
    for path, allowed in (("/accounting/close", {ADMIN}), (f"/accounting/days/{TODAY}", {ADMIN, ACCOUNTANT})):
        for who in (WORKER, MANAGER, ACCOUNTANT, ADMIN):
            assert (await accounting.get(path, headers=as_(who))).status == (200 if who in allowed else 403)


async def test_a_day_leads_down_to_its_entries_page_by_page(accounting: Any) -> None:
    text = await page(accounting, f"/accounting/days/{TODAY}", ACCOUNTANT)
    assert text.count("<tr class=") == 5
    for said in ("Rio Azul", "Coco Verde", "Payout of the day", "Paint the cage", "below zero"):
        assert said in text


async def test_the_management_page_says_that_the_books_balance_and_when_they_do_not(accounting: Any) -> None:
    assert "The books balance." in await page(accounting, "/accounting/", ACCOUNTANT)
    await _mail(accounting, "UPDATE views.balances SET balance_cents = balance_cents + 1 WHERE account_id = $1", WORKER)
    text = await page(accounting, "/accounting/", ACCOUNTANT)
    await _mail(accounting, "UPDATE views.balances SET balance_cents = balance_cents - 1 WHERE account_id = $1", WORKER)
    assert "The books do not balance." in text
    assert "1 account differs" in text


async def test_an_audit_log_can_be_taken_away_as_csv(accounting: Any) -> None:
    answer = await accounting.get("/accounting/account.csv", headers=as_(WORKER))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(await answer.text())))
    assert [(row["kind"], row["amount"], row["balance"]) for row in rows[:2]] == [
        ("payout", "-39.00", "0.00"),
        ("reward", "39.00", "39.00"),
    ]
    assert rows[1]["task"] == "Paint the cage"
    assert len(rows) == 5
    assert (await accounting.get(f"/accounting/account.csv?account={OTHER}", headers=as_(WORKER))).status == 403
    one_day = await accounting.get("/accounting/account.csv?day=2026-11-22", headers=as_(WORKER))
    assert (await one_day.text()).count("\r\n") == 2


async def test_what_people_typed_is_no_formula_in_a_spreadsheet(accounting: Any) -> None:
    title = "UPDATE views.tasks SET title = $1 WHERE title = $2"
    await _mail(accounting, title, '=HYPERLINK("x")', "Paint the cage")
    text = await (await accounting.get("/accounting/account.csv", headers=as_(WORKER))).text()
    await _mail(accounting, title, "Paint the cage", '=HYPERLINK("x")')
    assert "'=HYPERLINK" in text


async def test_entries_are_narrowed_to_a_kind_and_figures_lead_to_theirs(accounting: Any) -> None:
    everything = (await (await accounting.get("/accounting/api/entries", headers=as_(WORKER))).json())["items"]
    for kind in ("fee", "reward", "payout", "correction"):
        answer = await accounting.get(f"/accounting/api/entries?kind={kind}", headers=as_(WORKER))
        assert (await answer.json())["items"] == [entry for entry in everything if entry["kind"] == kind]
    refused = await accounting.get("/accounting/api/entries?kind=gift", headers=as_(WORKER))
    assert (refused.status, (await refused.json())["errors"][0]["field"]) == (422, "kind")

    management = await page(accounting, "/accounting/", ADMIN)
    assert f'href="/accounting/days/{TODAY}?kind=fee"' in management
    fees = await page(accounting, f"/accounting/days/{TODAY}?kind=fee", ADMIN)
    assert '<span class="pill fee">' in fees
    assert '<span class="pill reward">' not in fees
    assert "/topics/accounting.transactions/story?key=" in fees
    own = await page(accounting, "/accounting/account?kind=reward", WORKER)
    assert '<span class="pill fee">' not in own

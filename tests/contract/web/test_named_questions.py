"""Named questions: filters in the address, pages by key, and the same as JSON and CSV."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in import ADMIN, OTHER, WORKER, as_

from ates.web.analytics.questions import QUESTIONS

AT = "/analytics/questions"


async def asked(analytics: Any, address: str) -> dict[str, Any]:
    answer = await analytics.get(f"{AT}/{address}", headers=as_(ADMIN))
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


@pytest.mark.parametrize("name", QUESTIONS)
async def test_every_question_is_there_as_page_json_and_csv(analytics: Any, name: str) -> None:
    for form in ("", ".json", ".csv"):
        assert (await analytics.get(f"{AT}/{name}{form}", headers=as_(ADMIN))).status == 200
        assert (await analytics.get(f"{AT}/{name}{form}", headers=as_(WORKER))).status == 403


@pytest.mark.parametrize(
    "name, sort",
    [(q.name, way + c.name) for q in QUESTIONS.values() for c in q.columns if c.sortable for way in ("", "-")],
)
async def test_pages_in_any_order_give_every_row_once(analytics: Any, name: str, sort: str) -> None:
    whole = await asked(analytics, f"{name}.json?_sort={sort}")
    rows, address = [], f"{name}.json?_sort={sort}&_size=1"
    while address:
        one = await asked(analytics, address)
        rows += one["rows"]
        address = (one["next"] or "").removeprefix(f"{AT}/")
    assert rows == whole["rows"]


async def test_filters_are_in_the_address(analytics: Any) -> None:
    found = await asked(analytics, "entries.json?kind=fee&day__gte=2026-11-23&amount_cents__lt=-1000")
    assert [row[found["columns"].index("account_id")] for row in found["rows"]] == [OTHER]
    below = await asked(analytics, "balances.json?balance_cents__lt=0")
    assert [row[0] for row in below["rows"]] == ["Coco Verde"]
    assert len((await asked(analytics, "tasks.json?title__contains=PERCH"))["rows"]) == 1
    assert (await asked(analytics, "tasks.json?status__not=done&jira_id="))["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("day__gte=soon", "day__gte"),
        ("wings=2", "wings"),
        ("day__like=x", "day__like"),
        ("kind__gt=fee", "kind__gt"),
        ("amount_cents=1.5", "amount_cents"),
        ("amount_cents=" + "9" * 30, "amount_cents"),
        ("applied_at__gt=now", "applied_at__gt"),
        ("name=%00", "name"),
        ("_sort=title", "_sort"),
        ("_sort=day;drop", "_sort"),
        ("_size=0", "_size"),
        ("_size=x", "_size"),
        ("name)%20or%20(1=1", "name) or (1"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused_by_name(analytics: Any, query: str, field: str) -> None:
    answer = await analytics.get(f"{AT}/entries.json?{query}", headers=as_(ADMIN))
    assert (answer.status, [one["field"] for one in (await answer.json())["errors"]]) == (422, [field])


@pytest.mark.parametrize("cursor", ["x", "WzFd", "WyJ4IiwieCJd", "W251bGwsbnVsbF0"])
async def test_a_cursor_that_we_did_not_give_is_refused(analytics: Any, cursor: str) -> None:
    assert (await analytics.get(f"{AT}/entries.json?_next={cursor}", headers=as_(ADMIN))).status == 422


async def test_a_question_without_a_name_is_not_found(analytics: Any) -> None:
    for form in ("", ".json", ".csv"):
        assert (await analytics.get(f"{AT}/why{form}", headers=as_(ADMIN))).status == 404


async def test_the_form_keeps_the_filters_that_only_the_address_can_say(analytics: Any) -> None:
    text = await (await analytics.get(f"{AT}/entries?kind=fee", headers=as_(ADMIN))).text()
    assert 'name="kind" value="fee"' in text


async def test_csv_says_where_it_goes_on(analytics: Any) -> None:
    answer = await analytics.get(f"{AT}/entries.csv?_size=2", headers=as_(ADMIN))
    assert answer.content_type == "text/csv"
    assert len((await answer.text()).splitlines()) == 3
    assert answer.headers["Link"].startswith(f"<{AT}/entries.csv?_size=2&_next=")

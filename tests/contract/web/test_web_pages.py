"""The pages: safe, forgiving, and complete without a script."""

from __future__ import annotations

from typing import Any

from stand_in import ADMIN, MANAGER, NEW, OPEN, OTHER, WORKER, as_, csrf_of


async def test_what_people_write_is_shown_and_never_run(tasks: Any) -> None:
    text = await (await tasks.get("/tasks/", headers=as_(WORKER))).text()
    assert "Fix &lt;b&gt;the&lt;/b&gt; beak" in text
    assert text.index("My open tasks") < text.index("All tasks")


async def test_no_page_needs_an_inline_script_or_style(tasks: Any, accounting: Any, analytics: Any) -> None:
    for served, path in (
        (tasks, "/tasks/"),
        (tasks, "/tasks/new"),
        (tasks, f"/tasks/{OPEN}"),
        (accounting, "/accounting/"),
        (analytics, "/analytics/"),
    ):
        answer = await served.get(path, headers=as_(ADMIN))
        text = await answer.text()
        assert answer.status == 200
        assert "style=" not in text
        assert "onclick" not in text
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


async def test_a_form_makes_a_task_and_leads_to_it(tasks: Any) -> None:
    csrf, cookies = await csrf_of(tasks, OTHER)
    form = {"csrf": csrf, "form_key": "f1", **NEW}
    first = await tasks.post("/tasks/new", data=form, headers=cookies, allow_redirects=False)
    again = await tasks.post("/tasks/new", data=form, headers=cookies, allow_redirects=False)
    assert first.status == again.status == 303
    assert first.headers["Location"] == again.headers["Location"]
    assert len(tasks.worker.sent) == 1
    shown = await tasks.get(first.headers["Location"], headers=as_(OTHER))
    assert "It landed on Rio Azul." in await shown.text()


async def test_a_form_that_is_refused_keeps_what_was_typed(tasks: Any) -> None:
    csrf, cookies = await csrf_of(tasks, OTHER)
    form = {"csrf": csrf, "title": "Fix [it]", "description": "Long & winding"}
    answer = await tasks.post("/tasks/new", data=form, headers=cookies)
    text = await answer.text()
    assert answer.status == 422
    assert "Long &amp; winding" in text
    assert 'aria-invalid="true"' in text


async def test_filters_that_make_no_sense_are_shown_again_with_what_is_wrong(
    tasks: Any, accounting: Any, analytics: Any
) -> None:
    for served, path, typed, said in (
        (tasks, "/tasks/?text=" + "x" * 101, "x" * 101, "at most 100 characters"),
        (tasks, "/tasks/?status=lost&text=beak", "beak", "status is one of"),
        (accounting, "/accounting/?from=2026-11-31", "2026-11-31", "from is a date"),
        (accounting, "/accounting/?from=2020-01-01&to=2026-01-01", "2020-01-01", "A range of 1 to 366 days"),
        (accounting, "/accounting/payouts?day=yesterday", "yesterday", "day is a date"),
        (accounting, "/accounting/close?day=yesterday", "yesterday", "day is a date"),
        (analytics, "/analytics/?date=yesterday", "yesterday", "date is a date"),
        (analytics, "/analytics/questions/earnings?day__gte=yesterday", "yesterday", "day__gte"),
        (analytics, "/analytics/questions/earnings?colour=green", "green", "no column colour"),
        (analytics, "/analytics/questions/earnings?_size=0", "_size", "_size is from 1"),
    ):
        answer = await served.get(path, headers=as_(ADMIN))
        text = await answer.text()
        assert answer.status == 422, path
        assert '<form class="filters"' in text, path
        assert typed in text, path
        assert said in text, path


async def test_a_command_under_way_is_shown_as_such(tasks: Any) -> None:
    tasks.worker.decide = None
    csrf, cookies = await csrf_of(tasks, MANAGER)
    answer = await tasks.post("/tasks/assign", data={"csrf": csrf, "form_key": "x"}, headers=cookies)
    assert answer.url.path.startswith("/tasks/commands/")
    assert "Still flapping" in await answer.text()


async def test_completing_leads_back_to_the_list(tasks: Any) -> None:
    csrf, cookies = await csrf_of(tasks, WORKER)
    answer = await tasks.post(f"/tasks/{OPEN}/complete", data={"csrf": csrf}, headers=cookies)
    assert answer.url.path == "/tasks/"
    assert "is done. The reward is on its way" in await answer.text()

"""When something is wrong or away, everybody is told in their own form, and nothing more than that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from stand_in import NEW, WORKER, as_, csrf_of, serving

from ates.domain.errors import Unavailable
from ates.web.kit.commands.commands import COMMANDS
from ates.web.tasks.app import create_app as tasks_app


async def test_what_is_not_there_is_said_in_the_readers_own_form(tasks: Any) -> None:
    page = await tasks.get("/tasks/nope", headers=as_(WORKER))
    api = await tasks.get("/tasks/api/nope", headers=as_(WORKER))
    wrong = await tasks.client.put("/tasks/api/tasks", headers=as_(WORKER))
    assert (page.status, page.content_type) == (404, "text/html")
    assert (api.status, (await api.json())["code"]) == (404, "not_found")
    assert (wrong.status, (await wrong.json())["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET,HEAD,POST"


async def test_a_body_that_is_too_large_is_413(tasks: Any) -> None:
    answer = await tasks.post("/tasks/api/tasks", data=b"x" * 300_000, headers=as_(WORKER))
    assert (answer.status, (await answer.json())["code"]) == (413, "too_large")


async def test_a_surprise_tells_nothing_about_itself(tasks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("secret things")

    monkeypatch.setattr("ates.web.tasks.listing.find", broken)
    api = await tasks.get("/tasks/api/tasks", headers=as_(WORKER))
    page = await tasks.get("/tasks/", headers=as_(WORKER))
    assert (api.status, (await api.json())["code"], page.status) == (500, "internal_error", 500)
    assert "secret" not in await api.text() + await page.text()


async def test_without_kafka_a_command_is_503_at_once_and_reading_goes_on(views: Any) -> None:
    async for served in serving(tasks_app, "tasks", views):
        app = served.client.app
        app._state[COMMANDS]._producers = Away()
        answer = await served.post("/tasks/api/tasks", json=NEW, headers=as_(WORKER))
        assert (answer.status, (await answer.json())["code"]) == (503, "kafka_unavailable")
        assert answer.headers["Retry-After"]
        assert (await served.get("/tasks/", headers=as_(WORKER))).status == 200


async def test_without_kafka_a_form_comes_back_and_is_still_the_same_command(views: Any) -> None:
    async for served in serving(tasks_app, "tasks", views):
        csrf, cookies = await csrf_of(served, WORKER)
        served.client.app._state[COMMANDS]._producers = Away()
        answer = await served.post("/tasks/new", data={"csrf": csrf, "form_key": "mine", **NEW}, headers=cookies)
        text = await answer.text()
        assert answer.status == 503
        assert 'value="mine"' in text
        assert NEW["title"] in text


class Away:
    async def send(self, *_: Any) -> None:
        raise Unavailable("kafka_unavailable", "Kafka is away.")


async def test_without_postgres_everything_says_503_and_lives(views: Any) -> None:
    gone = SimpleNamespace(url=lambda _role: "postgresql://nobody:x@127.0.0.1:1/none", admin=views.admin)
    async for served in serving(tasks_app, "tasks", gone):
        api = await served.get("/tasks/api/tasks", headers=as_(WORKER))
        page = await served.get("/tasks/", headers=as_(WORKER))
        ready = await served.get("/tasks/readyz")
        assert (api.status, (await api.json())["code"]) == (503, "database_unavailable")
        assert (page.status, page.content_type) == (503, "text/html")
        assert (ready.status, (await ready.json())["ready"]) == (503, False)
        assert (await served.get("/livez")).status == 200


async def test_readiness_says_what_is_missing(tasks: Any, analytics: Any) -> None:
    ready = await (await tasks.get("/readyz")).json()
    assert ready["reason"].endswith("not connected to kafka")
    assert await (await analytics.get("/analytics/readyz")).json() == {"ready": True, "reason": ""}

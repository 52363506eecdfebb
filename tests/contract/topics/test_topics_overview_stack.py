"""What there is, as the API and the page tell it, on the running stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ates.schemas.topics import TOPICS

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def ask(stack: Any) -> Iterator[Any]:
    """GET a path at the gateway as the admin: status and text."""
    with httpx.Client(base_url=stack.gateway, timeout=30) as client:
        login = {"login": "admin", "password": stack.password("admin")}
        token = client.post("/auth/api/login", json=login).json()["access_token"]

        def get(path: str) -> tuple[int, str]:
            answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
            return answer.status_code, answer.text

        yield get


def test_every_topic_is_listed_with_offsets_size_and_readers(ask: Any) -> None:
    status, text = ask("/topics/api/topics")
    found = {topic["topic"]: topic for topic in json.loads(text)["items"]}
    assert status == 200
    assert set(TOPICS) <= set(found)
    accounts = found["auth.accounts"]
    assert accounts["kind"] == "records"
    assert accounts["bytes"] > 0
    assert sum(p["high"] - p["low"] for p in accounts["partitions"]) == accounts["offsets"] > 0
    assert "tasks" in {group["group"] for group in accounts["groups"]}
    assert "tasks-tasks-changelog" in found
    assert not [name for name in found if name.startswith("__")]


def test_an_unknown_topic_is_said_to_be_unknown_with_what_was_meant(ask: Any) -> None:
    status, text = ask("/topics/api/topics/task.events")
    assert (status, json.loads(text)["code"]) == (404, "topic_not_found")
    assert "tasks.events" in json.loads(text)["detail"]
    assert ask("/topics/task.events")[0] == 404


def test_the_pages_name_topics_and_partitions(ask: Any) -> None:
    assert 'href="/topics/accounting.transactions"' in ask("/topics/")[1]
    status, text = ask("/topics/accounting.transactions")
    assert status == 200
    assert "The ledger: every movement of money" in text

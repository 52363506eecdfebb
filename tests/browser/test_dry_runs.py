"""An admin mends a dead letter: edits a copy, tries it, and sends it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from as_operator import librdkafka_of
from confluent_kafka import Producer
from playwright.sync_api import expect

from .axe import barriers
from .popugs import call
from .test_dead_letters_and_tables import until


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_dead_letter_is_edited_tried_and_sent(
    stack: Any, chromium: Any, visit: Any, admin: Any, hire: Any, scripts: bool
) -> None:
    hire("worker")
    manager = hire("manager")
    made = call(stack, chromium, manager, "/tasks/api/tasks", {"title": "A first one"})
    assert made["task"]["id"]
    key = str(uuid.uuid4())
    producer = Producer(librdkafka_of(stack.data))
    producer.produce("tasks.commands", b"\x07 not a record", key, 2)
    assert producer.flush(10) == 0

    page = visit(admin, "/topics/dlq/tasks.commands", java_script_enabled=scripts)
    until(page, key, "1").get_by_role("link", name="Try or edit letter").click()
    page.get_by_role("button", name="Try the record as it is").click()
    expect(page.locator(".trial")).to_contain_text("not_framed")

    page.get_by_label("Value").fill("{")
    page.get_by_role("button", name="Try this copy").click()
    expect(page.get_by_text("The value is not JSON")).to_be_visible()
    expect(page.get_by_label("Value")).to_have_value("{")

    title = f"Mended {key[:8]}"
    command = {
        "command_id": str(uuid.uuid4()), "actor_id": str(uuid.uuid4()), "request_hash": "0",
        "issued_at": "2026-11-23T14:03:00.000Z", "task_id": key, "title": title, "jira_id": None, "description": "",
    }  # fmt: skip
    page.get_by_label("Value").fill(json.dumps(command))
    page.get_by_role("button", name="Try this copy").click()
    expect(page.locator(".trial").first).to_contain_text("takes effect")
    expect(page.get_by_text("TaskCreated", exact=True)).to_be_visible()
    assert not scripts or barriers(page) == []  # axe is a script
    page.get_by_role("button", name="Send this copy").click()
    expect(page.get_by_text("The edited copy was sent.")).to_be_visible()

    page.goto(page.url.partition("/topics/")[0] + f"/tasks/?text={title.replace(' ', '+')}")
    for _ in range(40):
        if page.get_by_role("link", name=title).count():
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(page.get_by_role("link", name=title)).to_be_visible()

"""What there is, as the API and the page tell it, on the running stack."""

from __future__ import annotations

import re
import time

import pytest
from gateway_to_topics import Gateway

from ates.schemas.avro import full_name, schema_of
from ates.schemas.subjects import MODELS
from ates.tools.describe import asyncapi
from ates.topology import ORIGINS, TOPICS, WORKERS

pytestmark = pytest.mark.stack


def test_every_topic_is_listed_with_offsets_size_and_readers(gateway: Gateway) -> None:
    found = {topic["topic"]: topic for topic in gateway.get("/topics/api/topics").json()["items"]}
    assert set(TOPICS) <= set(found)
    accounts = found["auth.accounts"]
    assert accounts["kind"] == "records"
    assert accounts["bytes"] > 0
    assert sum(p["high"] - p["low"] for p in accounts["partitions"]) == accounts["offsets"] > 0
    assert "tasks" in {group["group"] for group in accounts["groups"]}
    assert "tasks-tasks-changelog" in found
    assert not [name for name in found if name.startswith("__")]


def test_records_over_time_lead_to_the_records_from_then_on(gateway: Gateway) -> None:
    page = gateway.get("/topics/auth.accounts/over-time").text
    (topic,) = [one for one in gateway.get("/topics/api/topics").json()["items"] if one["topic"] == "auth.accounts"]
    shown = [int(text.replace(",", "")) for text in re.findall(r'<td class="number">([0-9,]+)</td>', page)]
    assert sum(shown) == topic["offsets"] > 0
    assert 'href="/topics/auth.accounts?from=' in page


def test_who_looked_at_records_is_written_down(gateway: Gateway) -> None:
    gateway.get("/topics/auth.accounts?grep=a-rare-text")
    page = gateway.get("/topics/log").text
    assert "/topics/auth.accounts?grep=a-rare-text" in page
    assert "<code>/topics/log" not in page


def test_a_group_at_rest_is_behind_by_nothing(gateway: Gateway) -> None:
    for _ in range(60):
        found = gateway.get("/topics/api/topics").json()["items"]
        lags = {(group["group"], one["topic"]): group["lag"] for one in found for group in one["groups"]}
        behind = {place: lag for place, lag in lags.items() if lag and place[0] in WORKERS}
        if not behind:
            break
        time.sleep(0.5)
    assert not behind
    markers = [
        one for one in found if one["topic"] == "tasks.events" for p in one["partitions"] if p["high"] > p["low"]
    ]
    assert markers, "what was read ended with a marker"


def test_an_unknown_topic_is_said_to_be_unknown_with_what_was_meant(gateway: Gateway) -> None:
    answer = gateway.get("/topics/api/topics/task.events")
    assert (answer.status_code, answer.json()["code"]) == (404, "topic_not_found")
    assert "tasks.events" in answer.json()["detail"]
    assert gateway.get("/topics/task.events").status_code == 404


def test_the_pages_name_topics_and_partitions(gateway: Gateway) -> None:
    assert 'href="/topics/accounting.transactions"' in gateway.get("/topics/").text
    assert "The ledger: every movement of money" in gateway.get("/topics/accounting.transactions").text


def test_the_page_of_records_has_every_topic_record_field_and_header(gateway: Gateway) -> None:
    assert gateway.get("/docs/events").headers["location"].endswith("/topics/docs/events")
    page = gateway.get("/topics/docs/events").text
    for topic in ORIGINS:
        assert f'id="{topic.name}"' in page
        for record in topic.records:
            schema = schema_of(MODELS[record])
            assert full_name(schema) in page
            assert all(f">{field['name']}</th>" in page for field in schema["fields"])
    assert all(f">{name}</th>" in page for name in (*asyncapi.HEADERS, *asyncapi.LETTER_HEADERS))
    assert gateway.get("/topics/docs/asyncapi.json").json() == asyncapi.document()

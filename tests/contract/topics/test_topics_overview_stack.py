"""What there is, as the API and the page tell it, on the running stack."""

from __future__ import annotations

import pytest
from gateway_to_topics import Gateway

from ates.schemas.avro import full_name, schema_of
from ates.schemas.subjects import MODELS
from ates.tools.describe import asyncapi
from ates.topology import ORIGINS, TOPICS

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

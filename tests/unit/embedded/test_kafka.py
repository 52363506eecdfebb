"""The embedded broker's configuration."""

from __future__ import annotations

import base64
import uuid
from pathlib import Path

import pytest

from ates.embedded import kafka


def test_a_cluster_id_never_looks_like_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    dashed, plain = uuid.UUID("fb" + "0" * 30), uuid.UUID("11" * 16)
    drawn = iter([dashed, plain])
    monkeypatch.setattr(kafka.uuid, "uuid4", lambda: next(drawn))
    assert base64.urlsafe_b64decode(kafka.cluster_id() + "==") == plain.bytes


def test_offsets_of_idle_groups_never_expire_and_no_topic_comes_by_mistake() -> None:
    found = kafka.properties(Path("/data"), 1, 2)
    assert found["offsets.retention.minutes"] == 2**31 - 1
    assert found["auto.create.topics.enable"] == "false"


def test_a_dead_letter_of_the_largest_record_fits() -> None:
    found = kafka.properties(Path("/data"), 1, 2)
    assert found["message.max.bytes"] == found["replica.fetch.max.bytes"] == 2 * 1024 * 1024


def test_the_broker_listens_on_the_loopback_address_only() -> None:
    found = kafka.properties(Path("/data"), 1, 2)
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1"

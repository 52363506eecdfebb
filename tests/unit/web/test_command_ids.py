"""The same request under the same key is the same command; anything else is another one."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ates.web.kit.commands.commands import Intent, command_id, request_hash

POLLY, KIKI = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


def test_the_same_key_names_the_same_command() -> None:
    one = command_id(POLLY, "POST", "/tasks/api/tasks", "k")
    assert one == command_id(POLLY, "POST", "/tasks/api/tasks", "k")
    assert uuid.UUID(one)


def test_another_sender_path_or_key_names_another_command() -> None:
    commands = {
        command_id(POLLY, "POST", "/tasks/api/tasks", "k"),
        command_id(KIKI, "POST", "/tasks/api/tasks", "k"),
        command_id(POLLY, "POST", "/tasks/api/assign", "k"),
        command_id(POLLY, "POST", "/tasks/api/tasks", "K"),
    }
    assert len(commands) == 4


def test_without_a_key_every_request_is_a_command_of_its_own() -> None:
    assert command_id(POLLY, "POST", "/", None) != command_id(POLLY, "POST", "/", None)


@given(st.text(min_size=1, max_size=255))
def test_any_text_is_a_key(key: str) -> None:
    assert command_id(POLLY, "POST", "/", key) == command_id(POLLY, "POST", "/", key)


def test_a_request_is_the_same_however_its_fields_are_ordered() -> None:
    assert request_hash({"a": 1, "b": "ä"}) == request_hash({"b": "ä", "a": 1})
    assert request_hash({"a": 1}) != request_hash({"a": 2})


def test_what_a_command_makes_has_an_id_that_follows_from_it() -> None:
    def asked(command: str) -> Intent:
        return Intent(command, POLLY, "", datetime.now(UTC), "")

    one, two = str(uuid.UUID(int=7)), str(uuid.UUID(int=8))
    assert asked(one).derived_id("task") == asked(one).derived_id("task")
    assert asked(one).derived_id("task") != asked(two).derived_id("task")

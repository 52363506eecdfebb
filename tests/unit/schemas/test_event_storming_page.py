"""docs/event-storming.md is true: its commands and events are those of the registry of topics, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ates.topology import TOPICS

PAGE = (Path(__file__).parents[3] / "docs" / "event-storming.md").read_text(encoding="utf-8")
NAMES = {model.__name__ for topic in TOPICS.values() for model in topic.records}
ANSWERS = {model.__name__ for name, topic in TOPICS.items() if name.endswith(".outcomes") for model in topic.records}
# A command is an imperative, an event a past participle (docs/events.md).
EVENTS = {name for name in NAMES - ANSWERS if name.endswith(("ed", "Sent", "Found"))}
COMMANDS = NAMES - ANSWERS - EVENTS
TABLES, PICTURES = (
    re.sub(r"```mermaid.*?```", "", PAGE, flags=re.DOTALL),
    re.findall(r"```mermaid(.*?)```", PAGE, re.DOTALL),
)


def column(number: int, heading: str) -> set[str]:
    """What stands in backticks in one column of the tables that begin with `heading`."""
    found: set[str] = set()
    for table in re.findall(rf"^\| {heading} \|.*\n(?:\|.*\n)+", TABLES, re.MULTILINE):
        for line in table.splitlines()[2:]:
            found |= set(re.findall(r"`([A-Z]\w+)`", line.strip("|").split("|")[number]))
    return found


def test_every_command_is_on_the_wall_and_every_one_there_is_real() -> None:
    assert column(0, "command") == COMMANDS


def test_every_event_is_on_the_wall() -> None:
    told = set(re.findall(r"`([A-Z]\w+)`", TABLES))
    assert EVENTS - told == set()


def test_every_name_in_a_table_is_a_record() -> None:
    assert set(re.findall(r"`([A-Z][a-z]+[A-Z]\w*)`", TABLES)) - NAMES == set()


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.split()[0])
def test_pictures_name_only_records(picture: str) -> None:
    assert set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", picture)) - NAMES == set()


def test_the_big_picture_has_every_command() -> None:
    assert COMMANDS - set(re.findall(r"\w+", PICTURES[0])) == set()

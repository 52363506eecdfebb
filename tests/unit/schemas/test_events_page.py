"""docs/events.md leaves nothing out: no topic, no record, no field, no header."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ates.schemas.avro import full_name, schema_of
from ates.schemas.envelope import build
from ates.schemas.subjects import SUBJECTS
from ates.tools.describe.text import readers, senders
from ates.topology import TOPICS
from ates.topology_types import DEAD_LETTERS, Topic

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text(encoding="utf-8")
ORIGINS = [topic for name, topic in TOPICS.items() if not name.endswith(DEAD_LETTERS)]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split(" | ")]


@pytest.mark.parametrize("topic", ORIGINS, ids=lambda t: t.name)
def test_every_topic_has_its_row(topic: Topic) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{topic.name}` [{topic.key}] |")]
    records = ", ".join(f"`{model.__name__}`" for model in topic.records)
    who = [", ".join(senders(topic)), ", ".join(readers(topic)), topic.dead_letter_owner]
    assert cells(row)[2:] == [records, *who, topic.description]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_record_has_its_section_with_every_field_and_its_meaning(subject: str) -> None:
    schema = schema_of(SUBJECTS[subject])
    section = PAGE.partition(f"\n### `{full_name(schema)}`\n")[2].partition("\n### ")[0]
    rows = [cells(line) for line in section.splitlines() if line.startswith("| `")]
    assert schema["doc"] in section
    assert [(row[0], row[2]) for row in rows] == [(f"`{field['name']}`", field["doc"]) for field in schema["fields"]]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_record_names_its_topic(subject: str) -> None:
    model = SUBJECTS[subject]
    section = PAGE.partition(f"\n### `{full_name(schema_of(model))}`\n")[2].partition("\n### ")[0]
    assert f"`{subject.removesuffix('-' + model.__name__)}`" in section


def test_every_header_is_explained() -> None:
    headers = build(id="i", type="t", source="s", time=datetime.now(UTC), subject="k", causation_id="c")
    assert [name for name, _ in headers if f"| `{name}` |" not in PAGE] == []

"""What has to be done on reading to records written long ago, so that nobody else meets an old version.

An upcaster gets the fields as decoded with the writer's schema and brought to the reader's, and returns them
in today's shape. It is chosen by what the writer's schema lacks, never by guessing from the values. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ates.schemas.avro import Schema, full_name

Fields = dict[str, Any]
Upcaster = Callable[[Fields], Fields]

_TITLE_V1 = re.compile(r"\[(?P<jira_id>[A-Z][A-Z0-9]+-[0-9]+)\]\s*-\s*(?P<title>\S.*)", re.DOTALL)


def split_jira_id(fields: Fields) -> Fields:
    """`[UBERPOP-42] - Fix the beak` becomes jira_id and title; any other title stays as it was written."""
    match = _TITLE_V1.fullmatch(fields["title"])
    return {**fields, **match.groupdict()} if match else fields


# (record, field that its writer did not know yet) -> what to do, oldest first.
UPCASTERS: dict[tuple[str, str], Upcaster] = {
    ("ates.tasks.TaskCreated", "jira_id"): split_jira_id,
}


def upcasters_for(writer: Schema) -> tuple[Upcaster, ...]:
    """The upcasters that records written with the schema `writer` need, in order."""
    known = {field["name"] for field in writer["fields"]}
    name = full_name(writer)
    return tuple(upcast for (record, field), upcast in UPCASTERS.items() if record == name and field not in known)

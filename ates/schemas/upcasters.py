"""Conversion of records of an old version: on reading, so that nobody else meets one; and on writing, for as
long as readers may run that know only the old version (docs/migrations).

An upcaster gets the fields as decoded with the writer's schema and brought to the reader's, and returns them
in today's shape; a downcaster goes the other way. Both are chosen by what a schema lacks, never by guessing from the
values. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ates.domain.tasks.titles import joined_title, split_title
from ates.schemas.avro import Schema, full_name

Fields = dict[str, Any]
Upcaster = Callable[[Fields], Fields]
Downcaster = Callable[[Fields], Fields]


def split_jira_id(fields: Fields) -> Fields:
    """`[UBERPOP-42] - Fix the beak` becomes jira_id and title; any other title stays as it was written."""
    jira_id, title = split_title(fields["title"])
    return {**fields, "jira_id": jira_id, "title": title}


def join_jira_id(fields: Fields) -> Fields:
    """The title with the Jira id in it, as version 1 had it."""
    return {**fields, "title": joined_title(fields["jira_id"], fields["title"])}


# (record, field that its writer did not know yet) -> what to do, oldest first.
UPCASTERS: dict[tuple[str, str], Upcaster] = {
    ("ates.tasks.TaskCreated", "jira_id"): split_jira_id,
}
# (record, field that the old version has no place for) -> what to do, newest first.
DOWNCASTERS: dict[tuple[str, str], Downcaster] = {
    ("ates.tasks.TaskCreated", "jira_id"): join_jira_id,
}


def upcasters_for(writer: Schema) -> tuple[Upcaster, ...]:
    """The upcasters that records written with the schema `writer` need, in order."""
    known = {field["name"] for field in writer["fields"]}
    name = full_name(writer)
    return tuple(upcast for (record, field), upcast in UPCASTERS.items() if record == name and field not in known)


def downcasters_for(target: Schema) -> tuple[Downcaster, ...]:
    """The downcasters for a record that is to be written with the old schema `target`, in order."""
    known = {field["name"] for field in target["fields"]}
    name = full_name(target)
    return tuple(down for (record, field), down in DOWNCASTERS.items() if record == name and field not in known)

"""What a dead-letter topic says: letters, and notes about those that were sent again. Pure.

A letter is the original record with `dlq_` headers about its failure (`ates.streams.batch.DeadLetters`). What it
holds is not in here, only what it is about, so that a topic full of large letters can be looked over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ates.tools.topics.records import Record
from ates.topology_types import DEAD_LETTERS

PREFIX = "dlq_"
REDRIVEN = "dlq_redriven"  # on a note: offset of the letter that it is about
REDRIVEN_AT = "dlq_redriven_at"
REDRIVEN_BY = "dlq_redriven_by"
REQUEST = "dlq_redriven_request"  # on a note: which request sent it, so that the same one sent twice counts it once

_NO_TIME = datetime.min.replace(tzinfo=UTC)

At = tuple[int, int]  # partition and offset in the dead-letter topic


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the record lies that could not be handled."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Redriven:
    """When a letter was sent again, and by whom: an account id, or `operator` at the command line."""

    at: str
    by: str
    request: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """partition, offset: in the dead-letter topic
    event_id: the event's `ce_id`, empty when it has none
    origin: None when the headers do not say, as of a record that somebody else put here
    code, detail: why it failed
    attempts: how often it has failed
    group: the consumer group that failed on it; empty when nobody could read it
    schema: schema id and name, as far as the bytes tell
    redriven: when it was sent again, None while it waits
    """

    partition: int
    offset: int
    time: datetime | None
    key: str
    event_id: str
    type: str
    origin: Origin | None
    code: str
    detail: str
    attempts: int
    group: str
    schema_id: int | None
    schema: str
    size: int
    redriven: Redriven | None = None

    @property
    def at(self) -> At:
        return self.partition, self.offset

    @property
    def id(self) -> str:
        """What a redrive calls it: partition and offset name it, even when it has no event id."""
        return f"{self.partition}:{self.offset}"

    def to_json(self) -> dict[str, Any]:
        """For the API and `-o json`."""
        origin = self.origin
        return {
            "id": self.id,
            "event_id": self.event_id or None,
            "type": self.type or None,
            "key": self.key,
            "at": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z") if self.time else None,
            "origin": {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset}
            if origin
            else None,
            "code": self.code,
            "detail": self.detail,
            "attempts": self.attempts,
            "group": self.group or None,
            "schema": None if self.schema_id is None else {"id": self.schema_id, "name": self.schema or None},
            "size": self.size,
            "redriven": {"at": self.redriven.at, "by": self.redriven.by} if self.redriven else None,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Letters that wait for the same reason: error code, and schema by id and name."""

    code: str
    schema_id: int | None
    schema: str
    waiting: int

    def to_json(self) -> dict[str, Any]:
        schema = None if self.schema_id is None else {"id": self.schema_id, "name": self.schema or None}
        return {"code": self.code, "schema": schema, "waiting": self.waiting}


@dataclass(slots=True)
class Backlog:
    """Everything in one dead-letter topic, by where it lies."""

    topic: str
    _letters: dict[At, Letter] = field(default_factory=dict)
    _notes: dict[At, Redriven] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Take a record of the topic, in any order."""
        about = record.header(REDRIVEN)
        if (letter := _number(about)) is not None and record.value is None:
            note = Redriven(record.header(REDRIVEN_AT), record.header(REDRIVEN_BY), record.header(REQUEST))
            self._notes.setdefault((record.partition, letter), note)
        else:
            found = _letter(record)
            self._letters[found.at] = found

    def letters(self) -> list[Letter]:
        """All of them, the newest first."""
        noted = (replace(letter, redriven=self._notes.get(letter.at)) for letter in self._letters.values())
        return sorted(noted, key=lambda letter: (letter.time or _NO_TIME, letter.at), reverse=True)

    def waiting(self) -> list[Letter]:
        """Those that nobody has sent again."""
        return [letter for letter in self.letters() if letter.redriven is None]

    def sent_by(self, request: str) -> int:
        """How many letters a request has sent again already."""
        return sum(note.request == request for note in self._notes.values()) if request else 0

    def groups(self) -> list[Group]:
        """Reasons by error and schema, the most frequent first."""
        counted = Counter((letter.code, letter.schema_id, letter.schema) for letter in self.waiting())
        return [Group(*why, waiting=count) for why, count in counted.most_common()]

    def named(self, name: str) -> list[Letter]:
        """Letters by `PARTITION:OFFSET` or event id, the oldest first."""
        return [letter for letter in reversed(self.letters()) if name in (letter.id, letter.event_id)]

    def to_json(self) -> dict[str, Any]:
        """The whole topic in numbers."""
        return {
            "topic": self.topic.removesuffix(".dlq"),
            "dlq": self.topic,
            "letters": len(self._letters),
            "waiting": len(self.waiting()),
            "groups": [group.to_json() for group in self.groups()],
        }


def backlog_of(topic: str, records: Iterable[Record]) -> Backlog:
    """The backlog of `records`."""
    found = Backlog(topic)
    for record in records:
        found.add(record)
    return found


def _letter(record: Record) -> Letter:
    code, _, detail = record.header("dlq_error").partition(": ")
    return Letter(
        partition=record.partition,
        offset=record.offset,
        time=record.time,
        key=record.key_text,
        event_id=record.header("ce_id"),
        type=record.type,
        origin=_origin(record),
        code=code or "unknown",
        detail=detail,
        attempts=_number(record.header("dlq_attempts")) or 0,
        group=record.header("dlq_group"),
        schema_id=record.decoded.schema_id,
        schema=record.decoded.schema,
        size=record.size,
    )


def _origin(record: Record) -> Origin | None:
    """A letter lies beside its origin: in the same partition, and in the origin's own dead-letter topic. Headers that
    name another place are not ours: a redrive would write where nobody asked it to."""
    offset = _number(record.header("dlq_offset"))
    lies_beside = (record.header("dlq_topic") + DEAD_LETTERS, _number(record.header("dlq_partition")))
    if offset is None or lies_beside != (record.topic, record.partition):
        return None
    return Origin(record.topic.removesuffix(DEAD_LETTERS), record.partition, offset)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 20 else None

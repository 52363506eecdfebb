"""What a dead-letter topic says: letters, and notes about what was done to them: sent again, set aside, put back. Pure.

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
# The kinds of notes, each the name of the header that holds the offset of the letter that the note is about. Further
# headers begin with the same name: time, author, reason, and the request, so that the same one sent twice counts once.
REDRIVEN = "dlq_redriven"
SET_ASIDE = "dlq_set_aside"
PUT_BACK = "dlq_put_back"
KINDS = (REDRIVEN, SET_ASIDE, PUT_BACK)
AT, BY, REASON, REQUEST = "_at", "_by", "_reason", "_request"

_NO_TIME = datetime.min.replace(tzinfo=UTC)

At = tuple[int, int]  # partition and offset in the dead-letter topic


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the record lies that could not be handled."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Note:
    """One of `KINDS` about the letter at `offset`, at a time (RFC 3339) and by somebody: an account id, or `operator`
    at the command line."""

    kind: str
    offset: int
    at: str
    by: str
    reason: str = ""
    request: str = ""

    def to_json(self) -> dict[str, str]:
        return {"at": self.at, "by": self.by} | ({"reason": self.reason} if self.reason else {})


@dataclass(frozen=True, slots=True)
class Letter:
    """partition, offset: in the dead-letter topic
    event_id: the event's `ce_id`, empty when it has none
    origin: None when the headers do not say, as of a record that somebody else put here
    code, detail: why it failed
    attempts: how often it has failed
    group: the consumer group that failed on it; empty when nobody could read it
    schema: schema id and name, as far as the bytes tell
    redriven: the note that it was sent again; set_aside: the note that it is set aside; it waits with neither
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
    redriven: Note | None = None
    set_aside: Note | None = None

    @property
    def waits(self) -> bool:
        """Whether somebody has to decide what is to be done with it."""
        return self.redriven is None and self.set_aside is None

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
            "redriven": self.redriven.to_json() if self.redriven else None,
            "set_aside": self.set_aside.to_json() if self.set_aside else None,
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
    _redriven: dict[At, Note] = field(default_factory=dict)
    _aside: dict[At, tuple[int, Note]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Take a record of the topic, in any order."""
        if (note := note_of(record)) is not None:
            self._add_note(record, note)
        else:
            found = _letter(record)
            self._letters[found.at] = found

    def _add_note(self, record: Record, note: Note) -> None:
        about = (record.partition, note.offset)
        if note.kind == REDRIVEN:
            self._redriven.setdefault(about, note)
        elif record.offset > self._aside.get(about, (-1, note))[0]:
            self._aside[about] = (record.offset, note)

    def letters(self) -> list[Letter]:
        """All of them, the newest first."""
        noted = (self._noted(letter) for letter in self._letters.values())
        return sorted(noted, key=lambda letter: (letter.time or _NO_TIME, letter.at), reverse=True)

    def _noted(self, letter: Letter) -> Letter:
        redriven, (_, aside) = self._redriven.get(letter.at), self._aside.get(letter.at, (0, None))
        is_aside = redriven is None and aside is not None and aside.kind == SET_ASIDE
        return replace(letter, redriven=redriven, set_aside=aside if is_aside else None)

    def waiting(self) -> list[Letter]:
        """Those that nobody has sent again or set aside."""
        return [letter for letter in self.letters() if letter.waits]

    def set_aside(self) -> list[Letter]:
        """Those that are set aside."""
        return [letter for letter in self.letters() if letter.set_aside]

    def noted_by(self, request: str, kind: str = REDRIVEN) -> set[At]:
        """The letters to which a request has done this already."""
        notes = [*self._redriven.items(), *((at, note) for at, (_, note) in self._aside.items())]
        return {at for at, note in notes if request and note.request == request and note.kind == kind}

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
            "set_aside": len(self.set_aside()),
            "groups": [group.to_json() for group in self.groups()],
        }


def backlog_of(topic: str, records: Iterable[Record]) -> Backlog:
    """The backlog of `records`."""
    found = Backlog(topic)
    for record in records:
        found.add(record)
    return found


def note_of(record: Record) -> Note | None:
    """The note that a record of a dead-letter topic is; None for a letter."""
    for kind in KINDS if record.value is None else ():
        if (offset := _number(record.header(kind))) is not None:
            return Note(kind, offset, *(record.header(kind + about) for about in (AT, BY, REASON, REQUEST)))
    return None


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

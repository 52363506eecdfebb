"""The effects that a record would have, as values for pages and programs. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record as a worker would read it: one that lies in a topic, or a copy that lies nowhere."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that would be sent; `partition` None: by its key's hash. `value` is as JSON has it."""

    topic: str
    partition: int | None
    key: str
    type: str
    value: Any

    def to_json(self) -> dict[str, Any]:
        names = ("topic", "partition", "key", "type", "value")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Change:
    """A row that would change: its value before and after, None for no row."""

    table: str
    key: str
    before: Any
    after: Any

    def to_json(self) -> dict[str, Any]:
        return {"table": self.table, "key": self.key, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the record would have no effect. topic: where its dead letter would be written; empty when another worker
    writes it, or it is a defect of the dry run's own reading."""

    code: str
    detail: str
    topic: str

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "detail": self.detail, "dead_letter_topic": self.topic or None}


@dataclass(frozen=True, slots=True)
class Trial:
    """What one reader of the topic would do. agent: empty for a worker that stores the record in Postgres."""

    worker: str
    agent: str
    sends: list[Sent] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    failure: Failure | None = None

    @property
    def refusal(self) -> Sent | None:
        """The outcome by which a rule of the business refuses the command."""
        return next((sent for sent in self.sends if sent.type == "CommandRejected"), None)

    @property
    def verdict(self) -> str:
        """One of `dead_letter`, `skipped`, `stored`, `refused`, `effects`, `nothing`."""
        if self.failure is not None:
            return "dead_letter" if self.failure.topic else "skipped"
        if not self.agent:
            return "stored"
        if self.refusal is not None:
            return "refused"
        return "effects" if self.sends or self.changes else "nothing"

    def to_json(self) -> dict[str, Any]:
        return {
            "worker": self.worker,
            "agent": self.agent or None,
            "verdict": self.verdict,
            "sends": [sent.to_json() for sent in self.sends],
            "changes": [change.to_json() for change in self.changes],
            "failure": self.failure.to_json() if self.failure else None,
        }

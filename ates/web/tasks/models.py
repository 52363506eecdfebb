"""What a task looks like to the API and to the pages. Plain values; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ates.domain.accounting.ledger import COMPANY_ACCOUNT_ID
from ates.domain.errors import Unprocessable
from ates.domain.tasks.titles import clean_description, clean_jira_id, clean_title
from ates.web.kit import inputs

COMPANY_NAME = "UberPopug Inc"  # in whose name tasks are imported


@dataclass(frozen=True, slots=True)
class Person:
    """An account by name; by its id while the name is not known yet."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Task:
    """`assignment` is how often it has been dealt; `version` counts its events."""

    id: str
    title: str
    jira_id: str | None
    description: str
    status: str
    assignee: Person | None
    author: Person | None
    assignment: int
    created_at: datetime
    assigned_at: datetime | None
    completed_at: datetime | None
    version: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Task:
        """From a row of the queries `tasks.*`."""
        plain = ("title", "jira_id", "description", "status", "assignment", "version")
        times = ("created_at", "assigned_at", "completed_at")
        return cls(
            id=row["task_id"],
            assignee=_person(row["assignee_id"], row["assignee_name"]),
            author=_person(row["author_id"], row["author_name"]),
            **{name: row[name] for name in plain + times},
        )

    @property
    def is_open(self) -> bool:
        """Whether it can still be completed."""
        return self.status == "open"

    def can_be_completed_by(self, account_id: str) -> bool:
        """Whether to offer it; who really may is decided where commands are."""
        return self.is_open and self.assignee is not None and self.assignee.id == account_id

    def to_json(self) -> dict[str, Any]:
        """The contract's shape, and a little more."""
        return {
            "id": self.id,
            "title": self.title,
            "jira_id": self.jira_id,
            "description": self.description,
            "status": self.status,
            "assignee": asdict(self.assignee) if self.assignee else None,
            "author": asdict(self.author) if self.author else None,
            "created_at": inputs.rfc3339(self.created_at),
            "completed_at": inputs.rfc3339(self.completed_at) if self.completed_at else None,
            "version": self.version,
        }


def _person(account_id: str | None, name: str | None) -> Person | None:
    if account_id == COMPANY_ACCOUNT_ID:
        return Person(account_id, COMPANY_NAME)
    return Person(account_id, name or account_id) if account_id else None


@dataclass(frozen=True, slots=True)
class NewTask:
    """What somebody wants to have done, checked by the rules of the domain."""

    title: str
    jira_id: str | None
    description: str

    @classmethod
    def checked(cls, title: str, jira_id: str, description: str) -> NewTask:
        """Raises `Unprocessable` with every field that is wrong, not just the first."""
        errors: list[dict[str, str]] = []
        cleaned: list[Any] = []
        for field, clean, value in (
            ("title", clean_title, title),
            ("jira_id", clean_jira_id, jira_id),
            ("description", clean_description, description.replace("\r\n", "\n")),
        ):
            try:
                cleaned.append(clean(value))
            except Unprocessable as error:
                errors.append({"field": field, "code": error.code, "detail": error.detail})
        if errors:
            raise inputs.all_invalid(errors)
        return cls(*cleaned)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> NewTask:
        """From the JSON body or the form of a request."""
        title, jira_id = inputs.text(body, "title"), inputs.text(body, "jira_id", "")
        return cls.checked(title, jira_id, inputs.text(body, "description", ""))

    def body(self) -> dict[str, Any]:
        """What counts when two requests are compared."""
        return asdict(self)

"""The rows of an export, checked by the rules of the domain. Reads lines that come in; sends nothing.

A row is known by what it says: title, Jira id and description, and by how many equal rows came before it. So the same
export again, in another order, or with more rows, asks again for the same tasks under the same ids.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from ates.domain.accounting.ledger import COMPANY_ACCOUNT_ID
from ates.domain.errors import Unprocessable
from ates.domain.ids import derived_id
from ates.domain.tasks.messages import CreateTask
from ates.domain.tasks.titles import clean_description, clean_jira_id, clean_title
from ates.tools.importing import objects, tables

_NAMESPACE = UUID("5d2cc2a5-4a7f-5a43-9d4c-6d2f3a0c7be1")
FIELDS = ("title", "jira_id", "description")
# What `files.lines` makes of bytes that are no UTF-8.
_NOT_DECODED = re.compile(r"[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is where it begins in the file, from 1; `identity` what its ids follow from."""

    line: int
    title: str
    jira_id: str | None
    description: str
    identity: str

    @property
    def task_id(self) -> str:
        """Of the task that it becomes."""
        return derived_id(_NAMESPACE, self.identity)

    def command_id(self, attempt: int) -> str:
        """A refusal is final for its command: what was refused for lack of popugs is asked for anew."""
        return derived_id(_NAMESPACE, f"{self.identity}:{attempt}")

    def command(self, attempt: int, now: datetime) -> CreateTask:
        """In the name of the company: it is the operator's, who has no account."""
        return CreateTask(
            command_id=self.command_id(attempt),
            actor_id=COMPANY_ACCOUNT_ID,
            request_hash=self.identity.partition(":")[0],
            issued_at=now,
            task_id=self.task_id,
            title=self.title,
            jira_id=self.jira_id,
            description=self.description,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that becomes no task, and why."""

    line: int
    code: str
    detail: str


def read(lines: Iterable[str], kind: str) -> Iterator[Row | Refused]:
    """Every row of a `csv` or `json` file, in order. Raises `SettingsError` as `tables.read` does."""
    seen: Counter[str] = Counter()
    for line, values in tables.read(lines) if kind == "csv" else objects.read(lines):
        if isinstance(values, tables.Malformed):
            yield Refused(line, values.code, values.detail)
        else:
            yield _checked(line, values, seen)


def _checked(line: int, values: Mapping[str, Any], seen: Counter[str]) -> Row | Refused:
    texts = [values.get(name) or "" for name in FIELDS]
    for name, value in zip(FIELDS, texts, strict=True):
        if not isinstance(value, str):
            return Refused(line, f"bad_{name}", f"{name} must be a text")
        if _NOT_DECODED.search(value):
            return Refused(line, "bad_encoding", "its bytes are not UTF-8; if the file is not, name its --encoding")
    try:
        title, jira_id = clean_title(texts[0]), clean_jira_id(texts[1])
        description = clean_description(texts[2].replace("\r\n", "\n"))
    except Unprocessable as error:
        return Refused(line, error.code, error.detail)
    content = sha256(json.dumps([title, jira_id, description]).encode()).hexdigest()
    seen[content] += 1
    return Row(line, title, jira_id, description, f"{content}:{seen[content]}")

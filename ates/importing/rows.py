"""The rows of an export, checked by the rules of the domain. Reads lines that come in; sends nothing.

A row is known by what it says: title, Jira id and description, and by how many equal rows came before it. So the same
export again, in another order, or with more rows, asks again for the same tasks under the same ids.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from ates.accounting.ledger import COMPANY_ACCOUNT_ID
from ates.errors import SettingsError, Unprocessable
from ates.ids import derived_id
from ates.tasks.messages import CreateTask
from ates.tasks.titles import clean_description, clean_jira_id, clean_title

_NAMESPACE = UUID("5d2cc2a5-4a7f-5a43-9d4c-6d2f3a0c7be1")
FIELDS = ("title", "jira_id", "description")


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
    """Every row of a `csv` or `jsonl` file, in order. Raises `SettingsError` (`no_title_column`)."""
    seen: Counter[str] = Counter()
    for line, values in _csv(lines) if kind == "csv" else _json_lines(lines):
        yield values if isinstance(values, Refused) else _checked(line, values, seen)


def _csv(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, Any] | Refused]]:
    reader = csv.DictReader(lines, restkey="")
    names = [name.strip().lower() for name in reader.fieldnames or ()]
    if "title" not in names:
        raise SettingsError("no_title_column", "the first line of a CSV file names its columns; none is called title")
    reader.fieldnames = names
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Refused(line, "csv_malformed", f"not a row of CSV: {error}")


def _json_lines(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, Any] | Refused]]:
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = None
        yield line, values if isinstance(values, dict) else Refused(line, "json_malformed", "not a JSON object")


def _checked(line: int, values: Mapping[str, Any], seen: Counter[str]) -> Row | Refused:
    told = [values.get(name) or "" for name in FIELDS]
    for name, value in zip(FIELDS, told, strict=True):
        if not isinstance(value, str):
            return Refused(line, f"bad_{name}", f"{name} must be a text")
    try:
        title, jira_id = clean_title(told[0]), clean_jira_id(told[1])
        description = clean_description(told[2].replace("\r\n", "\n"))
    except Unprocessable as error:
        return Refused(line, error.code, error.detail)
    content = sha256(json.dumps([title, jira_id, description]).encode()).hexdigest()
    seen[content] += 1
    return Row(line, title, jira_id, description, f"{content}:{seen[content]}")

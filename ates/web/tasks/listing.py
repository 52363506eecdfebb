"""Lists of tasks: filters from the URL, one index for each combination, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from ates.domain.errors import Rejected
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of
from ates.web.kit.pages import cursors
from ates.web.kit.reading import READER, Reader
from ates.web.tasks.models import Person, Task

STATUSES = ("open", "done")
_ASSIGNEES_LIMIT = 500
_TEXT_LENGTH = 100
_AFTER_ALL = (datetime(9999, 1, 1, tzinfo=UTC), "")


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty fields leave everything in. `assignee` is an account's id, never `me`."""

    assignee: str = ""
    status: str = ""
    text: str = ""
    jira_id: str = ""
    cursor: str = ""

    @classmethod
    def from_query(cls, request: web.Request) -> Filters:
        """Raises `Unprocessable` naming the parameter that is wrong."""
        return cls(
            assignee=_assignee(request),
            status=inputs.choice(request, "status", STATUSES),
            text=_text(request, "text"),
            jira_id=_text(request, "jira_id").upper(),
            cursor=request.query.get("cursor", ""),
        )

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return bool(self.assignee or self.status or self.text or self.jira_id)

    @property
    def pattern(self) -> str:
        """What `text` matches as a part, for `ILIKE`; empty for everything."""
        literal = self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"%{literal}%" if literal else ""


def _text(request: web.Request, field: str) -> str:
    value = request.query.get(field, "").strip()
    if len(value) > _TEXT_LENGTH or "\0" in value:
        raise inputs.invalid(field, "bad_text", f"{field} has at most {_TEXT_LENGTH} characters.")
    return value


def _assignee(request: web.Request) -> str:
    if request.query.get("assignee") == "me":
        return identity_of(request).account_id
    return inputs.optional_id(request, "assignee") or ""


async def find(reader: Reader, filters: Filters, limit: int) -> cursors.Page[Task]:
    """A page of tasks, newest first."""
    last = cursors.decode(filters.cursor, cursors.moment, cursors.text)
    created_at, task_id = last if last[0] else _AFTER_ALL
    query, narrowed = _query(filters)
    rows = await reader.rows(query, created_at, task_id, limit + 1, *narrowed)
    return cursors.page([Task.from_row(row) for row in rows], limit, lambda task: (task.created_at, task.id))


def _query(filters: Filters) -> tuple[str, list[str]]:
    """Each combination by the query whose index serves it, and what that query is given."""
    who, status = filters.assignee, filters.status
    if filters.jira_id:
        return "tasks.by_jira_id", [filters.jira_id, who, status, filters.pattern]
    if filters.text:
        return "tasks.by_text", [filters.pattern, who, status]
    if who and status:
        return "tasks.by_assignee_and_status", [who, status]
    if who:
        return "tasks.by_assignee", [who]
    return ("tasks.by_status", [status]) if status else ("tasks.newest", [])


async def assignees(reader: Reader, filters: Filters) -> list[Person]:
    """Whom the list can be narrowed to: popugs by name, and whoever it is narrowed to now."""
    people = [Person(row["id"], row["name"]) for row in await reader.rows("accounts.assignees", _ASSIGNEES_LIMIT)]
    if not filters.assignee or any(person.id == filters.assignee for person in people):
        return people
    name = await reader.value("accounts.name", filters.assignee)
    return [*people, Person(filters.assignee, name or filters.assignee)]


async def one(request: web.Request) -> Task:
    """The task that the path names. Raises `Rejected` `task_not_found`."""
    task_id = task_id_of(request)
    row = await request.app[READER].row("tasks.one", task_id)
    if row is None:
        raise not_found()
    return Task.from_row(row)


def task_id_of(request: web.Request) -> str:
    """The id in the path. Raises `Rejected` `task_not_found` for what can be no task's."""
    task_id = inputs.identifier(request.match_info["id"])
    if task_id is None:
        raise not_found()
    return task_id


def not_found() -> Rejected:
    """404."""
    return Rejected("task_not_found", "There is no such task.")

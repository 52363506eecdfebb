"""What each route of the tasks API takes and answers."""

from __future__ import annotations

from ates.web.kit.openapi import (
    CENTS,
    COMMAND_ID,
    COMMAND_STATUS,
    COUNT,
    ID,
    PAGING,
    TEXT,
    TIME,
    Operation,
    body,
    many,
    maybe,
    one_of,
    page,
    shape,
)

_PERSON = maybe(shape(id=ID, name=TEXT))
_TASK = shape(
    id=ID, title=TEXT, jira_id=maybe(TEXT), description=TEXT, status=one_of("open", "done"), assignee=_PERSON,
    author=_PERSON, created_at=TIME, completed_at=maybe(TIME), version=COUNT,
)  # fmt: skip
_STEP = shape(
    what=one_of("created", "assigned", "completed"), at=TIME, account=_PERSON, assignment=maybe(COUNT),
    amount_cents=maybe(CENTS),
)  # fmt: skip
_DONE = shape(command_id=ID, task=_TASK)
_NEW = body(
    "title",
    title={**TEXT, "maxLength": 200, "description": "1 to 200 characters after trimming, no brackets"},
    jira_id={"type": ["string", "null"], "description": "such as UBERPOP-42"},
    description={"type": ["string", "null"], "maxLength": 10_000},
)
_FILTERS = {
    "assignee": {**TEXT, "description": "an account's id, or `me`"},
    "status": one_of("open", "done"),
    "text": {**TEXT, "description": "a part of the title"},
    "jira_id": TEXT,
}
_NO_FIELDS = body()

OPERATIONS = {
    "POST /tasks/api/tasks": Operation(
        {201: _DONE, 202: COMMAND_ID}, takes=_NEW, errors=(409,), makes=True, waits=True
    ),
    "GET /tasks/api/tasks": Operation({200: page(_TASK)}, query={**_FILTERS, **PAGING}),
    "GET /tasks/api/tasks/{id}": Operation({200: _TASK}),
    "GET /tasks/api/tasks/{id}/history": Operation({200: shape(items=many(_STEP))}),
    "POST /tasks/api/tasks/{id}/complete": Operation(
        {200: _DONE, 202: COMMAND_ID}, takes=_NO_FIELDS, errors=(409,), makes=True, waits=True
    ),
    "POST /tasks/api/assign": Operation({202: COMMAND_ID}, takes=_NO_FIELDS, errors=(409,), makes=True),
    "GET /tasks/api/commands/{id}": COMMAND_STATUS,
}

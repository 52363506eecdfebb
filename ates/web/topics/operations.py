"""What each route of the topics API takes and answers."""

from __future__ import annotations

from ates.web.kit.openapi import (
    ANYTHING,
    COUNT,
    FLAG,
    LIMIT,
    PAGING,
    TEXT,
    Operation,
    body,
    many,
    maybe,
    one_of,
    page,
    shape,
)

_SOME = many(ANYTHING)
_TOPIC = shape(topic=TEXT, kind=TEXT, offsets=COUNT, bytes=maybe(COUNT), partitions=_SOME, groups=_SOME)
_RECORD = shape(
    topic=TEXT, partition=COUNT, offset=COUNT, timestamp=maybe(TEXT), key=maybe(TEXT), headers={"type": "object"},
    kind=one_of("avro", "json", "text", "bytes", "null"), schema=ANYTHING, problem=ANYTHING, size=COUNT, value=ANYTHING,
)  # fmt: skip
_GROUP = shape(code=TEXT, schema=ANYTHING, waiting=COUNT)
_PILE = shape(topic=TEXT, dlq=TEXT, letters=COUNT, waiting=COUNT, set_aside=COUNT, groups=many(_GROUP))
_LETTER = shape(
    id=TEXT, event_id=maybe(TEXT), origin=ANYTHING, code=TEXT, detail=TEXT, attempts=COUNT, redriven=ANYTHING,
    set_aside=ANYTHING,
)  # fmt: skip
_NAMED = {"id": {**TEXT, "description": "event id or PARTITION:OFFSET"}, "ids": many(TEXT), "all": FLAG}
_KEPT = shape(table=TEXT, key=TEXT, value=ANYTHING, changelog=TEXT, changelog_offset=COUNT, partition=COUNT)
_MOMENT = {"at": {**TEXT, "description": "a time, -15m, or PARTITION:OFFSET of the source topic"}}
_TRIAL = shape(worker=TEXT, agent=maybe(TEXT), verdict=TEXT, sends=_SOME, changes=_SOME, failure=ANYTHING)
_ANY = {"type": "number"}
_ANY_NUMBER = {"type": "integer"}
_NUMBER = {"type": "integer", "minimum": 0}
_WHICH = {
    "from": {**TEXT, "description": "beginning, end, an offset, a time, or -15m"},
    "partition": _NUMBER,
    "key": TEXT,
    "grep": TEXT,
    "where": {**TEXT, "description": "FIELD=VALUE"},
    "budget": {**_NUMBER, "description": "records to look at, at most"},
}

OPERATIONS = {
    "GET /topics/api/topics": Operation({200: shape(items=many(_TOPIC))}),
    "GET /topics/api/topics/{topic}": Operation({200: _TOPIC}),
    "GET /topics/api/topics/{topic}/records": Operation(
        {200: shape(items=many(_RECORD), next=maybe(TEXT), previous=maybe(TEXT), scanned=COUNT, left=COUNT)},
        query={**_WHICH, **PAGING},
    ),
    "GET /topics/api/topics/{topic}/tail": Operation(
        {200: ANYTHING}, query={**_WHICH, "after": TEXT}, media=("text/event-stream",)
    ),
    "GET /topics/api/topics/{topic}/{partition}/{offset}": Operation({200: _RECORD}),
    "POST /topics/api/topics/{topic}/{partition}/{offset}/try": Operation(
        {200: shape(items=many(_TRIAL))}, takes=body(type=TEXT, key=TEXT, value={"type": "object"}), errors=(404,)
    ),
    "GET /topics/api/topics/{topic}/{partition}/{offset}/transaction": Operation(
        {200: shape(producer_id=_ANY_NUMBER, epoch=_ANY_NUMBER, state=TEXT, wrote=_SOME, rows=_SOME, sent=_SOME)}
    ),
    "GET /topics/api/transactions": Operation(
        {200: shape(open=_SOME, aborted=_SOME, complete=FLAG)},
        query={"since": {**TEXT, "description": "a time, or -15m"}},
    ),
    "GET /topics/api/topics/{topic}/last-hour": Operation(
        {200: shape(topic=TEXT, every_seconds=_ANY, offsets_per_second=_SOME, lag={"type": "object"})}
    ),
    "GET /topics/api/groups/{group}": Operation(
        {200: shape(group=TEXT, every_seconds=_ANY, now={"type": "object"}, lag={"type": "object"})}, errors=(404,)
    ),
    "GET /topics/api/schemas/{subject}": Operation(
        {200: shape(subject=TEXT, items=_SOME, old=COUNT, new=COUNT, changes=_SOME)},
        query={"old": _NUMBER, "new": _NUMBER},
        errors=(404,),
    ),
    "GET /topics/api/dlq": Operation({200: shape(items=many(_PILE))}),
    "GET /topics/api/dlq/{topic}": Operation(
        {200: page(_LETTER)},
        query={"all": one_of("1"), "show": one_of("waiting", "aside", "all"), "limit": LIMIT, "cursor": TEXT},
    ),
    "POST /topics/api/dlq/{topic}/redrive": Operation(
        {200: shape(redriven=COUNT, too_large=many(TEXT))},
        takes=body(**_NAMED),
        errors=(409,),
        makes=True,
    ),
    "POST /topics/api/dlq/{topic}/set-aside": Operation(
        {200: shape(set_aside=COUNT)}, takes=body("reason", **_NAMED, reason=TEXT), errors=(409,), makes=True
    ),
    "POST /topics/api/dlq/{topic}/put-back": Operation(
        {200: shape(put_back=COUNT)}, takes=body(**_NAMED), errors=(409,), makes=True
    ),
    "GET /topics/api/status": Operation({200: shape(processes=_SOME, groups=_SOME, schemas=maybe(_SOME))}),
    "GET /topics/api/tables/{table}/{key}": Operation({200: shape(items=many(_KEPT))}, query=_MOMENT),
    "GET /topics/api/tables/{table}/{key}/history": Operation({200: page(_KEPT)}, query=PAGING),
}

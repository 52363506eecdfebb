"""What each route of the analytics API takes and answers."""

from __future__ import annotations

from ates.web.kit.openapi import (
    ANYTHING,
    CENTS,
    COUNT,
    DAY,
    FLAG,
    ID,
    TEXT,
    TIME,
    Operation,
    body,
    many,
    maybe,
    one_of,
    shape,
)

_NEGATIVE = shape(id=ID, name=TEXT, balance_cents=CENTS)
_TASK = shape(id=ID, title=TEXT, reward_cents=CENTS, completed_at=TIME)

OPERATIONS = {
    "GET /analytics/api/summary": Operation(
        {200: shape(day=DAY, earned_cents=CENTS, negative_accounts=COUNT, negative=many(_NEGATIVE))}, query={"day": DAY}
    ),
    "GET /analytics/api/most-expensive": Operation(
        {200: shape(period=one_of("day", "week", "month"), **{"from": DAY, "to": DAY}, task=maybe(_TASK))},
        query={"period": one_of("day", "week", "month"), "date": DAY},
    ),
    "POST /analytics/api/query": Operation(
        {200: shape(columns=many(TEXT), rows=many(many(ANYTHING)), truncated=FLAG)},
        takes=body("sql", sql={**TEXT, "description": "one SELECT over the schema `analytics`"}),
        media=("text/csv",),
    ),
}

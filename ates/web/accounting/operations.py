"""What each route of the accounting API takes and answers."""

from __future__ import annotations

from ates.web.kit.openapi import (
    CENTS,
    COMMAND_ID,
    COMMAND_STATUS,
    DAY,
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

_TASK = shape(id=ID, title=TEXT, jira_id=maybe(TEXT), description=TEXT)
_KIND = one_of("fee", "reward", "payout", "correction")
_ENTRY = shape(
    transaction_id=ID, kind=_KIND, amount_cents=CENTS, balance_cents=CENTS,
    task=maybe(_TASK), business_day=DAY, at=TIME,
)  # fmt: skip
_EARNING = shape(day=DAY, earned_cents=CENTS, fees_cents=CENTS, rewards_cents=CENTS)
_PAYOUT = shape(
    transaction_id=ID, account_id=ID, day=DAY, amount_cents=CENTS, email_status=one_of("pending", "sent", "failed"),
    email_reason=maybe(TEXT),
)  # fmt: skip
_ACCOUNT = {"account": {**ID, "description": "your own without it; somebody else's is for accountant and admin"}}
_NO_FIELDS = body()

OPERATIONS = {
    "GET /accounting/api/balance": Operation(
        {200: shape(account_id=ID, balance_cents=CENTS, as_of=TIME)}, query=_ACCOUNT, errors=(404,)
    ),
    "GET /accounting/api/entries": Operation(
        {200: page(_ENTRY)}, query={**_ACCOUNT, "day": DAY, "kind": _KIND, **PAGING}, errors=(404,)
    ),
    "GET /accounting/api/earnings": Operation({200: shape(items=many(_EARNING))}, query={"from": DAY, "to": DAY}),
    "GET /accounting/api/payouts": Operation({200: page(_PAYOUT)}, query={**_ACCOUNT, "day": DAY, **PAGING}),
    "POST /accounting/api/days/{day}/close": Operation({202: COMMAND_ID}, takes=_NO_FIELDS, errors=(409,), makes=True),
    "POST /accounting/api/payouts/{id}/mail": Operation({202: COMMAND_ID}, takes=_NO_FIELDS, errors=(409,), makes=True),
    "GET /accounting/api/commands/{id}": COMMAND_STATUS,
}

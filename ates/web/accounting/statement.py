"""An audit log as CSV, for whoever wants to add it up themselves. Streamed: however long it is, memory stays flat."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from aiohttp import web

from ates.web.accounting import books
from ates.web.accounting.models import Entry
from ates.web.kit import inputs
from ates.web.kit.identity.security import requires
from ates.web.kit.inputs import rfc3339
from ates.web.kit.pages import csv
from ates.web.kit.reading import READER

_PAGE = 1000
_HEAD = (
    "business_day", "at", "kind", "amount", "balance", "jira_id", "task", "description", "task_id", "transaction_id",
)  # fmt: skip


@requires("accounting.read_own")
async def download(request: web.Request) -> web.StreamResponse:
    """All entries of an account, or those of a day or kind, newest first; amounts in dollars with two decimals."""
    account_id = (await books.account(request, books.account_asked_for(request))).id
    day, kind = inputs.optional_day(request, "day"), books.kind_asked_for(request)
    page = await books.entries(request.app[READER], account_id, day, None, _PAGE, kind)
    name = f"audit-log-{day or 'all'}-{account_id[:8]}"
    bom = csv.byte_order_mark(request)
    response = web.StreamResponse(headers=csv.headers(name))
    await response.prepare(request)
    await response.write((bom + csv.text(_HEAD, [])).encode())
    while True:
        await response.write(csv.lines(_line(entry) for entry in page.items).encode())
        if page.next is None:
            break
        page = await books.entries(request.app[READER], account_id, day, page.next, _PAGE, kind)
    await response.write_eof()
    return response


def _line(entry: Entry) -> Sequence[object]:
    task = entry.task
    return (
        entry.business_day.isoformat(),
        rfc3339(entry.at),
        entry.kind,
        _dollars(entry.amount_cents),
        _dollars(entry.balance_cents),
        (task.jira_id or "") if task else "",
        task.title if task else "",
        task.description if task else "",
        task.id if task else "",
        entry.transaction_id,
    )


def _dollars(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)

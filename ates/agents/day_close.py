"""The timer of agent `ledger`: closes the next page of accounts of a close under way, begins the next close, or asks
for the close of a day that is over.

    tables: ates.tables.ledger → accounting.transactions, accounting.outcomes, accounting.commands
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, tzinfo

from ates.agents import clock
from ates.agents.causes import remembered
from ates.agents.ledger import CLOSED_THROUGH, OUTCOMES, SOURCE, begin, book, request_key
from ates.agents.replies import applied
from ates.domain.accounting import day_close, ledger
from ates.domain.accounting.day_close import Answer
from ates.domain.accounting.state import CloseRequest, DayClose
from ates.streams import Delete, Effect, Put, Send, State, TimerResult
from ates.tables.ledger import ACCOUNTS, CLOSES, DAYS


def due(state: State, partition: int, partitions: int, now: datetime, zone: tzinfo) -> TimerResult | None:
    """The next thing to do for closes, None when there is none. `partitions` of accounting.commands; `zone` as in
    `ledger.handle`."""
    last: DayClose | None = state.table(DAYS.name).get(CLOSED_THROUGH)
    if last is not None and not last.done:
        request: CloseRequest | None = state.table(CLOSES.name).get(request_key(last))
        # Without a request an earlier version began the close; the command for its next page is in the log.
        return None if request is None else _result(partition, request, _walk(state, request, last, now))
    waiting: list[tuple[str, CloseRequest]] = state.table(CLOSES.name).scan(None, 1)
    if waiting:
        _, request = waiting[0]
        return _result(partition, request, _next(state, request, last, zone))
    return clock.close_days(state, partition, partitions, now, zone)


def _result(partition: int, request: CloseRequest, effects: Iterator[Effect]) -> TimerResult:
    cause = remembered(SOURCE, partition, request.event_id, request.command.issued_at, request.traceparent)
    return TimerResult(cause, list(effects), number=request.sent)


def _walk(state: State, request: CloseRequest, last: DayClose, now: datetime) -> Iterator[Effect]:
    """Close the next page of accounts; after the last one, tell how many were paid."""
    accounts = state.table(ACCOUNTS.name).scan(last.after or None, day_close.PAGE)
    page = day_close.walk(last, accounts, ledger.milliseconds(now))
    yield from book(page.payouts)
    for account_id, balance in page.accounts.items():
        yield Put(ACCOUNTS.name, account_id, balance)
    yield Put(DAYS.name, CLOSED_THROUGH, page.close)
    if page.close.done:
        yield Put(DAYS.name, last.day.isoformat(), page.close)
        yield from _answered(request, page.close.paid)
    else:
        yield Put(CLOSES.name, request_key(last), replace(request, sent=request.sent + len(page.payouts)))


def _next(state: State, request: CloseRequest, last: DayClose | None, zone: tzinfo) -> Iterator[Effect]:
    """Begin the close that waited; its day may have been closed meanwhile."""
    same_day = state.table(DAYS.name).get(request.command.day.isoformat())
    if day_close.answer(request.command, last, same_day, zone) is Answer.BEGINS:
        yield from begin(request)
    else:
        yield from _answered(request, 0)


def _answered(request: CloseRequest, paid: int) -> Iterator[Send | Delete]:
    command = request.command
    yield Delete(CLOSES.name, request_key(command))
    yield applied(OUTCOMES, command, {"paid": paid})

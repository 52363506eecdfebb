"""What people can do with the books, for API and pages alike: one command each, then a short wait for its outcome."""

from __future__ import annotations

from datetime import date

from aiohttp import web

from ates import topology
from ates.domain.accounting.messages import CloseDay, RetryPayoutMail
from ates.domain.errors import Rejected
from ates.web.kit.commands.commands import COMMANDS, intent
from ates.web.kit.commands.outcomes import Decision, deadline_in
from ates.web.kit.pages import days
from ates.web.kit.reading import READER

MAILS = topology.ACCOUNTING_MAILS.name


async def close_day(
    request: web.Request, day: date, wait_seconds: float, key: str | None = None
) -> tuple[str, Decision | None]:
    """The command's id, and what became of it; None while that is not decided.

    Raises `Rejected` (`day_in_future`, `idempotency_key_reused`) and `Unavailable`.
    """
    if day > days.today(request):
        raise Rejected("day_in_future", f"{day} is not over yet: it has not begun.")
    asked = intent(request, {}, path=f"/accounting/api/days/{day}/close", key=key)

    def share(partition: int, partitions: int) -> CloseDay:
        return CloseDay(**asked.fields(), day=day, partition=partition, partitions=partitions)

    decided = await request.app[COMMANDS].execute_everywhere(asked, share, deadline_in(wait_seconds))
    return asked.command_id, decided


async def retry_mail(
    request: web.Request, transaction_id: str, wait_seconds: float, key: str | None = None
) -> tuple[str, Decision | None]:
    """The same for another try of a payout's mail. Raises also `payout_not_found` and `mail_not_failed`."""
    row = await request.app[READER].row("payouts.one", transaction_id)
    if row is None:
        raise Rejected("payout_not_found", "There is no such payout.")
    asked = intent(request, {}, path=f"/accounting/api/payouts/{transaction_id}/mail", key=key)
    command = RetryPayoutMail(**asked.fields(), account_id=row["account_id"], transaction_id=transaction_id)
    deadline = deadline_in(wait_seconds)
    decided = await request.app[COMMANDS].execute(asked, row["account_id"], command, deadline, topic=MAILS)
    return asked.command_id, decided

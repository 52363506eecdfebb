"""The mailer: the timer of agent `payouts`. Sends one mail, then says so in a transaction; at least once.

A second mail is possible only between the mail server's accept and the commit that follows it at once: when we are
killed there, or paused there for so long that somebody else takes the partition over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Protocol

import structlog

from ates.agents import payouts
from ates.agents.payouts import Due
from ates.domain.accounting.messages import RetryPayoutMail
from ates.domain.accounts.messages import Account
from ates.mail.email import Letterhead, Unwritable, compose
from ates.mail.post import Away, NotNow, Refused
from ates.platform import metrics
from ates.streams import Message, State, TimerResult

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
LONGEST_AWAY_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Delivery(Protocol):
    """`ates.mail.post.Post`."""

    async def deliver(self, message: EmailMessage) -> None: ...


class AddressBook:
    """Everybody's newest name and address, as far as `auth.accounts` has been read."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def learn(self, message: Message) -> None:
        """Take in an account as it is now."""
        account: Account = message.value
        known = self._accounts.get(account.account_id)
        if known is None or account.version > known.version:
            self._accounts[account.account_id] = account

    def of(self, account_id: str) -> Account | None:
        """The account; None when its record has not been read yet."""
        return self._accounts.get(account_id)


class RetryRequests:
    """Requests to try a mail again, as far as `accounting.mails` was read: the last word about each payout counts."""

    def __init__(self) -> None:
        self._open: dict[int, dict[str, Message]] = {}

    def learn(self, message: Message) -> None:
        """A retry_request opens; a mail sent or failed after it closes it."""
        of_partition = self._open.setdefault(message.partition, {})
        if isinstance(message.value, RetryPayoutMail):
            of_partition[message.value.transaction_id] = message
        else:
            of_partition.pop(message.value.transaction_id, None)

    def of(self, partition: int) -> dict[str, Message]:
        """The open retry_requests of a partition, by transaction_id."""
        return dict(self._open.get(partition, {}))

    def drop(self, retry_request: Message) -> None:
        """A retry_request that was answered otherwise."""
        self._open.get(retry_request.partition, {}).pop(retry_request.value.transaction_id, None)


@dataclass(slots=True)
class _Pause:
    until: float = 0.0
    seconds: float = 0.0

    def begin(self, now: float, longest: float) -> float:
        """A pause twice as long as the one before."""
        self.seconds = min(max(2 * self.seconds, FIRST_PAUSE_SECONDS), longest)
        self.until = now + self.seconds
        return self.seconds


class Mailer:
    """`now` gives aware UTC, `monotonic` seconds that never go back."""

    def __init__(
        self,
        post: Delivery,
        head: Letterhead,
        book: AddressBook,
        retry_requests: RetryRequests,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
    ) -> None:
        self._post = post
        self._head = head
        self._book = book
        self._retry_requests = retry_requests
        self._now = now
        self._monotonic = monotonic
        self._away = _Pause()
        self._pauses: dict[str, _Pause] = {}
        for outcome in ("sent", "failed", "later"):
            metrics.PAYOUT_MAILS.labels(outcome)  # there from the first scrape on, so that the first one is an increase

    async def __call__(self, state: State, partition: int) -> TimerResult | None:
        """Send the first mail that is due; None when there is none, or the server is away."""
        retry_requests = self._retry_requests.of(partition)
        for retry_request in payouts.idle(state, retry_requests):
            self._retry_requests.drop(retry_request)
            return payouts.refused(retry_request)
        if self._monotonic() < self._away.until:
            return None
        for it in payouts.due(state, retry_requests):
            pause = self._pauses.get(it.id)
            if pause is None or self._monotonic() >= pause.until:
                result = await self._try(it, partition)
                if result is not None or self._away.seconds:
                    return result
        return None

    async def _try(self, it: Due, partition: int) -> TimerResult | None:
        try:
            await self._send(it)
        except (Refused, Unwritable) as refusal:
            log.warning("a payout mail was refused", transaction_id=it.transaction_id, reason=str(refusal))
            self._pauses.pop(it.id, None)
            metrics.PAYOUT_MAILS.labels("failed").inc()
            return payouts.failed(it, partition, self._now(), str(refusal))
        except NotNow as later:
            pause_s = self._pauses.setdefault(it.id, _Pause()).begin(self._monotonic(), LONGEST_PAUSE_SECONDS)
            metrics.PAYOUT_MAILS.labels("later").inc()
            log.warning("a payout mail waits", transaction_id=it.transaction_id, reason=str(later), next_try_s=pause_s)
            return None
        except Away as away:
            pause_s = self._away.begin(self._monotonic(), LONGEST_AWAY_SECONDS)
            metrics.PAYOUT_MAILS.labels("later").inc()
            log.warning("waiting for the mail server", reason=str(away), next_try_s=pause_s)
            return None
        self._away = _Pause()
        self._pauses.pop(it.id, None)
        metrics.PAYOUT_MAILS.labels("sent").inc()
        return payouts.sent(it, partition, self._now())

    async def _send(self, it: Due) -> None:
        account = self._book.of(it.mail.account_id)
        if account is None:
            raise NotNow("the address is not known yet")
        await self._post.deliver(compose(it.transaction_id, it.mail, account, self._head, self._now()))

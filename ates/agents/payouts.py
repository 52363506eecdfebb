"""Agent `payouts`: owes everybody who was paid out a mail, and tells what became of it.

    accounting.transactions → accounting.mails, accounting.outcomes; tables: ates.tables.payouts

Pure: the mail itself is sent by the worker's timer (`ates.mail.mailer`), between two records. A payout is read once it
is committed, so there is no mail about a close that did not happen; and a mail that is sent leaves the table in the
transaction that tells of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypedDict

from ates import topology
from ates.agents.causes import remembered, traceparent_of
from ates.agents.replies import applied, check_key, rejected
from ates.domain.accounting import ledger
from ates.domain.accounting.messages import PayoutMailFailed, PayoutMailSent, TransactionApplied
from ates.domain.accounting.state import PayoutMail
from ates.domain.errors import Rejected
from ates.streams import Delete, Effect, Message, Put, Send, State, TimerResult
from ates.tables.payouts import MAILS

SOURCE = topology.ACCOUNTING_TRANSACTIONS.name
MAILS_TOPIC = topology.ACCOUNTING_MAILS.name
OUTCOMES = topology.ACCOUNTING_OUTCOMES.name
REASON_LENGTH_MAX = 500


def handle(state: State, message: Message) -> Iterator[Effect]:
    """A message without value was seen to be no payout before it was decoded. Raises `Unprocessable`."""
    transaction: TransactionApplied | None = message.value
    if transaction is None:
        return
    check_key(message, transaction.account_id)
    if transaction.kind == ledger.PAYOUT:
        mail = PayoutMail(
            account_id=transaction.account_id,
            business_day=transaction.business_day,
            amount_cents=-transaction.amount_cents,
            event_id=message.id,
            occurred_at=transaction.occurred_at,
            traceparent=traceparent_of(message),
        )
        yield Put(MAILS.name, transaction.transaction_id, mail)


@dataclass(frozen=True, slots=True)
class Due:
    """A mail to send now. `retry_request` is the message of the `RetryPayoutMail` that asks for it, None at first."""

    transaction_id: str
    mail: PayoutMail
    retry_request: Message | None = None

    @property
    def id(self) -> str:
        """Of this attempt, however often it is made."""
        return self.retry_request.id if self.retry_request else self.transaction_id

    def cause(self, partition: int) -> Message:
        """The cause of the mail and of its outcome."""
        if self.retry_request is not None:
            return self.retry_request
        mail = self.mail
        return remembered(SOURCE, partition, mail.event_id, mail.occurred_at, mail.traceparent)


def due(state: State, retry_requests: Mapping[str, Message]) -> Iterator[Due]:
    """The mails that wait, and refused ones that somebody wants tried again. `retry_requests`: by transaction_id."""
    after: str | None = None
    while page := state.table(MAILS.name).scan(after):
        for transaction_id, mail in page:
            retry_request = retry_requests.get(transaction_id)
            if not (mail.refusal or mail.sent):
                yield Due(transaction_id, mail)
            elif retry_request is not None and not mail.sent and mail.answered != retry_request.value.command_id:
                yield Due(transaction_id, mail, retry_request)
        after = page[-1][0]


def idle(state: State, retry_requests: Mapping[str, Message]) -> Iterator[Message]:
    """The retry_requests that there is nothing to do for: the mail is sent, or waits as it is, or there is none."""
    for transaction_id, retry_request in retry_requests.items():
        mail: PayoutMail | None = state.table(MAILS.name).get(transaction_id)
        if mail is None or (mail.answered != retry_request.value.command_id and (mail.sent or not mail.refusal)):
            yield retry_request


def sent(it: Due, partition: int, now: datetime) -> TimerResult:
    """The mail server has accepted it."""
    record = PayoutMailSent(**_about(it), sent_at=ledger.milliseconds(now))
    if it.retry_request is None:
        row: Effect = Delete(MAILS.name, it.transaction_id)
    else:
        answered = it.retry_request.value.command_id
        row = Put(MAILS.name, it.transaction_id, replace(it.mail, sent=True, refusal="", answered=answered))
    return TimerResult(
        it.cause(partition), [row, Send(MAILS_TOPIC, it.mail.account_id, record), *_outcome_of(it, "sent")]
    )


def failed(it: Due, partition: int, now: datetime, reason: str) -> TimerResult:
    """The mail server has refused it for good."""
    refusal = reason[:REASON_LENGTH_MAX] or "refused without a word"
    record = PayoutMailFailed(**_about(it), failed_at=ledger.milliseconds(now), reason=refusal)
    answered = it.retry_request.value.command_id if it.retry_request else ""
    row = Put(MAILS.name, it.transaction_id, replace(it.mail, refusal=refusal, answered=answered))
    return TimerResult(
        it.cause(partition), [row, Send(MAILS_TOPIC, it.mail.account_id, record), *_outcome_of(it, "failed")]
    )


def refused(retry_request: Message) -> TimerResult:
    """There is no mail to try again."""
    refusal = Rejected("mail_not_failed", "This payout has no mail that failed: there is nothing to try again.")
    return TimerResult(retry_request, [rejected(OUTCOMES, retry_request.value, refusal)])


def _outcome_of(it: Due, status: str) -> list[Effect]:
    return [applied(OUTCOMES, it.retry_request.value, {"email_status": status})] if it.retry_request else []


class _About(TypedDict):
    transaction_id: str
    account_id: str
    business_day: date
    amount_cents: int


def _about(it: Due) -> _About:
    mail = it.mail
    return {
        "transaction_id": it.transaction_id,
        "account_id": mail.account_id,
        "business_day": mail.business_day,
        "amount_cents": mail.amount_cents,
    }

"""Worker `payouts`: sends the payout e-mails."""

from datetime import UTC, datetime

from ates.mail.email import Letterhead
from ates.mail.mailer import AddressBook, Mailer, RetryRequests
from ates.mail.post import Post
from ates.topology import ACCOUNTING_MAILS, AUTH_ACCOUNTS
from ates.workers.base import create
from ates.workers.wiring import attach, follow

app, settings = create("payouts")
book, retry_requests = AddressBook(), RetryRequests()


def now() -> datetime:
    """The clock, for when a mail was sent."""
    return datetime.now(UTC)


head = Letterhead(settings.mail_from, settings.gateway, settings.timezone.key)
attach(
    app,
    "payouts",
    ready=[
        follow(app, AUTH_ACCOUNTS, book.learn).caught_up,
        follow(app, ACCOUNTING_MAILS, retry_requests.learn).caught_up,
    ],
    timer=Mailer(Post(settings), head, book, retry_requests, now),
)

"""Worker `payouts`: sends the payout e-mails."""

from datetime import UTC, datetime
from functools import partial

from ates.domain.accounting.ledger import PAYOUT
from ates.mail.email import Letterhead
from ates.mail.mailer import AddressBook, Mailer, RetryRequests
from ates.mail.post import Post
from ates.topology import ACCOUNTING_MAILS, ACCOUNTING_TRANSACTIONS, AUTH_ACCOUNTS
from ates.workers.base import create
from ates.workers.serde import SelectiveSerde
from ates.workers.wiring import attach, global_reader

# Of all transactions few are payouts.
app, settings = create("payouts", partial(SelectiveSerde, source=ACCOUNTING_TRANSACTIONS.name, text=PAYOUT))
book, retry_requests = AddressBook(), RetryRequests()


def now() -> datetime:
    """The clock, for when a mail was sent."""
    return datetime.now(UTC)


head = Letterhead(settings.mail_from, settings.gateway, settings.timezone.key)
attach(
    app,
    "payouts",
    ready=[
        global_reader(app, AUTH_ACCOUNTS, book.learn).caught_up,
        global_reader(app, ACCOUNTING_MAILS, retry_requests.learn).caught_up,
    ],
    timer=Mailer(Post(settings), head, book, retry_requests, now),
)

"""Worker `payouts`: mails everybody who was paid out."""

from datetime import UTC, datetime

from ates.agents import payouts as agent
from ates.mail.letter import Letterhead
from ates.mail.mailer import AddressBook, Mailer, Wishes
from ates.mail.post import Post
from ates.tables import TABLES
from ates.workers.base import create

app, settings = create("payouts", "smtp")
book, wishes = AddressBook(), Wishes()


def now() -> datetime:
    """The clock, for when a mail was sent."""
    return datetime.now(UTC)


head = Letterhead(settings.mail_from, settings.gateway, settings.timezone.key)
app.handler(
    "accounting.transactions",
    agent.handle,
    name="payouts",
    tables=TABLES["payouts"],
    ready=[
        app.follow("auth.accounts", book.learn).caught_up,
        app.follow("accounting.mails", wishes.learn).caught_up,
    ],
    owns_unreadable=False,
    chore=Mailer(Post(settings), head, book, wishes, now),
)

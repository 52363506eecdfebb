"""The mail about a payout, as text and as HTML. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP, compat32
from email.utils import format_datetime, parseaddr
from pathlib import Path

import jinja2

from ates.domain import texts
from ates.domain.accounting.state import PayoutMail
from ates.domain.accounts.messages import Account
from ates.domain.money import format_cents

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=jinja2.select_autoescape(["html"]),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Unwritable(Exception):
    """No mail can be written to such an address."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """`sender` such as `aTES <payouts@example.org>`; `gateway` is the public origin that links lead to."""

    sender: str
    gateway: str
    zone: str


def message_id(transaction_id: str, sender: str) -> str:
    """The same for a payout however often its mail is sent, so that mail programs show it once."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return f"<payout.{transaction_id}@{domain}>"


def compose(transaction_id: str, mail: PayoutMail, account: Account, head: Letterhead, now: datetime) -> EmailMessage:
    """The mail as it goes to the mail server. Raises `Unwritable`, also when its head would be another one."""
    message = EmailMessage()
    amount = format_cents(mail.amount_cents)
    try:
        message["From"] = head.sender
        message["To"] = Address(display_name=_display(account.name), addr_spec=account.email)
        message["Subject"] = f"{amount} paid out for {mail.business_day:%-d %B %Y}"
    except Exception as error:
        # Whatever the parser of addresses stumbles over: it raises many kinds.
        raise Unwritable(f"not an address: {account.email!r}: {error}") from error
    message["Message-ID"] = message_id(transaction_id, head.sender)
    message["Date"] = format_datetime(now)
    message["Auto-Submitted"] = "auto-generated"
    said = {
        "name": account.name,
        "amount": amount,
        "day": f"{mail.business_day:%A, %-d %B %Y}",
        "zone": head.zone,
        "link": f"{head.gateway}/accounting/account?day={mail.business_day.isoformat()}",
    }
    message.set_content(_TEMPLATES.get_template("payout.txt").render(said))
    message.add_alternative(_TEMPLATES.get_template("payout.html").render(said), subtype="html")
    return _checked(message, account.email)


def _display(name: str) -> str:
    """A name for the head: without what would be decoded there. Logs of old hold names that no edge has checked."""
    return name if name.isprintable() and not texts.is_encoded(name) else ""


def _checked(message: EmailMessage, address: str) -> EmailMessage:
    """The mail, if its bytes have the fields that were set and no other, and go to `address` alone."""
    sent = BytesHeaderParser(policy=compat32).parsebytes(message.as_bytes(policy=SMTP))
    receivers = [parsed for name, parsed in message.items() if name.lower() in ("to", "cc", "bcc")]
    addresses = [each.addr_spec for field in receivers for each in field.addresses]
    if [name.lower() for name in sent] != [name.lower() for name in message] or addresses != [address]:
        raise Unwritable(f"the head of a mail to {address!r} would not be the one asked for")
    return message

"""The head of a payout mail is the one that was meant, whatever the name of the account says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from email import message_from_bytes, policy

import pytest

from ates.domain.accounting.state import PayoutMail
from ates.domain.accounts.messages import Account
from ates.mail.email import Letterhead, Unwritable, compose

NOW = datetime(2026, 11, 24, tzinfo=UTC)
MAIL = PayoutMail("a", date(2026, 11, 23), 1234, "e", NOW)


def sent(name: str, email: str = "polly@example.com") -> bytes:
    account = Account(account_id="a", login="polly", name=name, email=email, role="worker", active=True, version=1)
    head = Letterhead("aTES <pay@example.org>", "http://x", "UTC")
    return compose("t", MAIL, account, head, NOW).as_bytes(policy=policy.SMTP)


@pytest.mark.parametrize("name", ["=?utf-8?Q?=0d=0aBcc:_x@y.example?=", "a =?utf-8?b?DQpCY2M6IHhAeS5leGFtcGxl?= b"])
def test_an_encoded_word_in_a_name_adds_no_field(name: str) -> None:
    raw = sent(name)
    assert b"bcc" not in raw.partition(b"\r\n\r\n")[0].lower()
    assert message_from_bytes(raw)["To"] == "polly@example.com"


@pytest.mark.parametrize("name", ["Polly, P. <x@y.zz>", 'Po"lly', "Полли", "a" * 100, "x\r\nBcc: y@z.example"])
def test_any_other_name_stays_a_name(name: str) -> None:
    to = message_from_bytes(sent(name), policy=policy.default)["To"]
    assert [each.addr_spec for each in to.addresses] == ["polly@example.com"]


@pytest.mark.parametrize(
    "email", ["=?utf-8?Q?=0d=0aBcc:x@y.zz?=@example.com", "a@b.com, c@d.com", "<a@b.com>", "", "a"]
)
def test_an_address_that_is_none_is_said(email: str) -> None:
    with pytest.raises(Unwritable):
        sent("Polly", email)

"""The payouts agent: one mail for each payout, whatever becomes of it, and one more try for each retry_request."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from delivery import NOON, Agent, records, uid
from prometheus_client import REGISTRY

from ates.agents import payouts
from ates.domain.accounting.messages import PayoutMailFailed, PayoutMailSent, RetryPayoutMail, TransactionApplied
from ates.domain.accounts.messages import AccountChanged
from ates.domain.commands import CommandApplied, CommandRejected
from ates.domain.errors import Unprocessable
from ates.mail.email import Letterhead
from ates.mail.mailer import AddressBook, Mailer, RetryRequests
from ates.mail.post import Away, NotNow, Refused
from ates.streams import Message
from ates.tables import TABLES

KIWI, KAKADU = uid("kiwi"), uid("kakadu")
HEAD = Letterhead("aTES <payouts@uberpopug.example>", "https://ates.example", "UTC")


def transaction(kind="payout", account_id=KIWI, number=1, cents=-3900):
    return TransactionApplied(
        transaction_id=uid(f"{account_id} {number}"), account_id=account_id, counter_account_id=uid("company"),
        kind=kind, amount_cents=cents, balance_cents=0, task_id=None, business_day=NOON.date(), applied_at=NOON,
        occurred_at=NOON, sequence=number, chain_hash="",
    )  # fmt: skip


class Server:
    """A mail server that answers what it is told to, then accepts."""

    def __init__(self) -> None:
        self.answers: list[Exception] = []
        self.accepted: list[object] = []

    async def deliver(self, letter):
        if self.answers:
            raise self.answers.pop(0)
        self.accepted.append(letter)


class Office:
    """The agent with its mailer, whose clock stands still until it is moved."""

    def __init__(self) -> None:
        self.agent = Agent(payouts.handle, TABLES["payouts"])
        self.server = Server()
        self.retry_requests = RetryRequests()
        self.seconds = 0.0
        book = AddressBook()
        for name in ("kiwi", "kakadu"):
            account = AccountChanged(
                account_id=uid(name), login=name, name=name.title(), email=f"{name}@popug.example", role="worker",
                active=True, version=1,
            )  # fmt: skip
            book.learn(message(account))
        now = datetime(2025, 3, 4, 0, 0, 1, tzinfo=UTC)
        self.mailer = Mailer(self.server, HEAD, book, self.retry_requests, lambda: now, lambda: self.seconds)

    async def work(self):
        """Send what is due until nothing is; what was told."""
        told = []
        while (result := await self.mailer(self.agent.state, 0)) is not None:
            sends = self.agent.write(result)
            for record in records(sends):
                if not isinstance(record, CommandApplied | CommandRejected):
                    self.retry_requests.learn(message(record))
            told += records(sends)
        return told

    def retry_request(self, number=1, account_id=KIWI, key="again"):
        command = RetryPayoutMail(
            command_id=uid(key), actor_id=uid("penny"), request_hash="h", issued_at=NOON, account_id=account_id,
            transaction_id=uid(f"{account_id} {number}"),
        )  # fmt: skip
        self.retry_requests.learn(message(command, key))


def message(value, name="m"):
    return Message("t", 0, 0, b"", value, uid(name), NOON, {})


@pytest.fixture
def office():
    return Office()


async def test_everybody_who_was_paid_out_gets_one_mail_that_says_how_much(office):
    office.agent.deliver(transaction())
    office.agent.deliver(transaction("reward", number=2, cents=2000))
    office.agent.deliver(transaction(account_id=KAKADU, cents=-150000))

    told = await office.work()

    assert [(type(it), it.account_id, it.amount_cents) for it in told] == [
        (PayoutMailSent, it.account_id, it.amount_cents) for it in told
    ]
    assert {it["To"]: it["Subject"] for it in office.server.accepted} == {
        "Kiwi <kiwi@popug.example>": "$39.00 paid out for 3 March 2025",
        "Kakadu <kakadu@popug.example>": "$1,500.00 paid out for 3 March 2025",
    }
    assert await office.work() == []
    assert office.agent.table("mails") == {}


async def test_a_mail_is_text_and_html_and_known_by_the_transactions_id(office):
    office.agent.deliver(transaction())
    await office.work()
    (letter,) = office.server.accepted

    assert letter["Message-ID"] == f"<payout.{uid(f'{KIWI} 1')}@uberpopug.example>"
    text, html = (letter.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for said in ("$39.00", "Monday, 3 March 2025", "https://ates.example/accounting/account?day=2025-03-03"):
        assert said in text
        assert said in html


async def test_a_mail_that_was_sent_but_not_told_of_is_sent_again_under_the_same_id(office):
    """We were killed between the server's accept and our commit: the one way to a second mail."""
    office.agent.deliver(transaction())
    await office.mailer(office.agent.state, 0)
    await office.work()

    assert len(office.server.accepted) == 2
    assert len({letter["Message-ID"] for letter in office.server.accepted}) == 1


async def test_while_the_server_is_away_mails_wait_longer_and_longer_and_none_fails(office):
    office.agent.deliver(transaction())
    office.agent.deliver(transaction(account_id=KAKADU))
    tried_at = []
    office.server.answers = [Away("connection refused")] * 4
    while office.server.answers:
        left = len(office.server.answers)
        assert await office.work() == []
        if len(office.server.answers) < left:
            tried_at.append(office.seconds)
        office.seconds += 0.5

    assert tried_at == [0, 1, 3, 7]
    office.seconds += 30
    assert [type(it) for it in await office.work()] == [PayoutMailSent] * 2


async def test_a_mail_that_cannot_be_taken_now_does_not_hold_up_the_others(office):
    office.agent.deliver(transaction())
    office.agent.deliver(transaction(account_id=KAKADU))
    office.server.answers = [NotNow("451 greylisted")]

    assert len(await office.work()) == 1
    assert await office.work() == []
    office.seconds += 1
    assert len(await office.work()) == 1


async def test_a_mail_refused_for_good_has_failed_and_is_left_alone(office):
    office.agent.deliver(transaction())
    office.server.answers = [Refused("550 no such popug")]

    (failed,) = await office.work()

    assert (type(failed), failed.reason) == (PayoutMailFailed, "550 no such popug")
    office.seconds += 10_000
    assert await office.work() == []


async def test_a_failed_mail_is_tried_again_when_somebody_wants_it(office):
    office.agent.deliver(transaction())
    office.server.answers = [Refused("550 no such popug"), Refused("550 still none")]
    await office.work()

    office.retry_request(key="first")
    failed, applied = await office.work()
    assert (failed.reason, json.loads(applied.result)) == ("550 still none", {"email_status": "failed"})
    office.retry_request(key="second")
    sent, applied = await office.work()
    assert (type(sent), json.loads(applied.result)) == (PayoutMailSent, {"email_status": "sent"})
    assert applied.command_id == uid("second")


async def test_the_same_retry_request_read_again_sends_nothing(office):
    office.agent.deliver(transaction())
    office.server.answers = [Refused("550")]
    await office.work()
    office.retry_request()
    await office.work()
    office.retry_request()

    assert await office.work() == []
    assert len(office.server.accepted) == 1


@pytest.mark.parametrize("what", ["sent", "waiting", "unknown", "somebody else's"])
async def test_there_is_nothing_to_try_again_unless_a_mail_failed(office, what):
    if what in ("sent", "waiting"):
        office.agent.deliver(transaction())
    if what == "sent":
        await office.work()
    office.retry_request(account_id=KAKADU if what == "somebody else's" else KIWI)

    (refused,) = [record for record in await office.work() if isinstance(record, CommandRejected)]
    assert refused.code == "mail_not_failed"
    assert len(office.server.accepted) == (what in ("sent", "waiting"))


async def test_an_address_that_is_none_has_failed_and_one_not_known_yet_waits(office):
    office.mailer._book.learn(
        message(
            AccountChanged(
                account_id=KIWI,
                login="k",
                name="K",
                email="nowhere\nBcc: x@y",
                role="worker",
                active=True,
                version=2,
            )
        )
    )
    office.agent.deliver(transaction())
    office.agent.deliver(replace(transaction(), account_id=uid("stranger"), transaction_id=uid("other")))

    (failed,) = await office.work()
    assert failed.reason.startswith("not an address")
    office.seconds += timedelta(days=1).total_seconds()
    assert await office.work() == []


def test_a_payout_under_another_accounts_key_is_refused(office):
    with pytest.raises(Unprocessable) as poison:
        office.agent.deliver(transaction(), key=KAKADU)
    assert poison.value.code == "wrong_key"


async def test_prometheus_hears_of_every_try(office):
    def tries(outcome):
        return REGISTRY.get_sample_value("ates_payout_mails_total", {"outcome": outcome})

    before = {outcome: tries(outcome) for outcome in ("sent", "failed", "later")}
    office.agent.deliver(transaction())
    office.agent.deliver(transaction(account_id=KAKADU))
    office.server.answers = [Away("connection refused"), Refused("no such mailbox")]
    while office.server.answers:
        await office.work()
        office.seconds += 60
    await office.work()
    assert {outcome: tries(outcome) - count for outcome, count in before.items()} == dict.fromkeys(before, 1)

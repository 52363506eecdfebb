"""What a mail server's answers mean: accepted, refused for good, not now, or nobody there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from ates.mail.email import message_id
from ates.mail.post import Away, NotNow, Post, Refused
from ates.platform.settings import parse


class Server:
    """Answers each command as it is told to, and accepts what is left."""

    def __init__(self) -> None:
        self.says: dict[str, str] = {}
        self.kept: list[bytes] = []
        self.address = ""

    async def handle_MAIL(self, _s: Any, _n: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.says.get("MAIL", "250 OK")

    async def handle_RCPT(self, _s: Any, _n: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.says.get("RCPT", "250 OK")

    async def handle_DATA(self, _s: Any, _n: Any, envelope: Any) -> str:  # noqa: N802
        if "DATA" not in self.says:
            self.kept.append(envelope.content)
        return self.says.get("DATA", "250 OK")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(server, hostname="localhost"), "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    server.address = f"{host}:{port}"
    yield server
    listening.close()
    await listening.wait_closed()


def letter(to: str = "kiwi@popug.example") -> EmailMessage:
    it = EmailMessage()
    it["From"], it["To"], it["Subject"] = "aTES <payouts@uberpopug.example>", to, "$39.00 paid out"
    it.set_content("Fly safely")
    return it


def post(address: str, **settings: str) -> Post:
    return Post(parse({"ATES_SMTP": address, **settings}))


async def test_a_mail_is_delivered_when_the_server_has_accepted_it(server: Server) -> None:
    await post(server.address).deliver(letter())
    assert b"Subject: $39.00 paid out" in server.kept[0]


@pytest.mark.parametrize(
    ("command", "answer", "meaning"),
    [
        ("RCPT", "550 no such popug", Refused),
        ("RCPT", "451 greylisted, come back", NotNow),
        ("RCPT", "421 closing", Away),
        ("DATA", "554 this is spam", Refused),
        ("DATA", "452 mailbox full", NotNow),
        ("MAIL", "550 not from you", Refused),
    ],
)
async def test_an_answer_means_what_smtp_says(server: Server, command: str, answer: str, meaning: type) -> None:
    server.says[command] = answer
    with pytest.raises(meaning, match=answer[:3]):
        await post(server.address).deliver(letter())
    assert server.kept == []


async def test_a_server_that_is_not_there_is_waited_for() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(Away):
        await post(address).deliver(letter())


async def test_a_password_is_not_said_to_a_server_without_tls(server: Server) -> None:
    with pytest.raises((Away, Refused)):
        await post(server.address, ATES_SMTP_USERNAME="ates", ATES_SMTP_PASSWORD="secret").deliver(letter())
    assert server.kept == []


async def test_a_mail_without_a_recipient_will_never_go_out(server: Server) -> None:
    it = letter()
    del it["To"]
    with pytest.raises(Refused):
        await post(server.address).deliver(it)


def test_the_message_id_follows_from_the_transaction_and_the_senders_domain() -> None:
    assert message_id("t-1", "aTES <payouts@example.org>") == "<payout.t-1@example.org>"

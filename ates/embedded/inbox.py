"""The mail catcher: takes every mail by SMTP, keeps it as a file, shows it on a page and as JSON. Sends nothing.

    GET /KEY[?to=ADDRESS]       the page, newest first       GET /KEY/api/mails[?to=ADDRESS]   the same as JSON
    GET /KEY/mails/{id}         one mail as it came          GET /livez, /readyz
    GET /KEY/mails/{id}/html    its HTML, without scripts and without a network

KEY is `ATES_INBOX_KEY`: who does not know it, another user of this machine or a web page, sees no mail.
A mail is on disk before its sender hears that it was taken. The mailbox `nobody` does not exist, in any domain, so that
one can see what becomes of a mail that is refused for good. In a demo the very first mail is refused too: its
recipient's mailbox is full, and there is a failed mail that can be tried again.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import hmac
import os
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from itertools import islice
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from ates.platform.settings import Settings

_SHOWN = 200
_MAIL_BYTES = 2_000_000
_ID = re.compile(r"[0-9TZ]+-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Mail:
    """`received_at` is RFC 3339 UTC; `text` is the first plain text part, `html` whether there is an HTML part too."""

    id: str
    sender: str
    recipients: list[str]
    subject: str
    received_at: str
    message_id: str
    text: str
    html: bool


class Mailbox:
    """Mails as files of one directory; names sort by time of arrival."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def refuse_once(self) -> bool:
        """True for the first mail in the life of the directory."""
        if self.count():
            return False
        try:
            (self._directory / ".refused").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def put(self, sender: str, recipients: list[str], content: bytes) -> None:
        """Keep one mail, with its envelope in front as headers of ours."""
        envelope = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(recipients)}\r\n".encode()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{uuid.uuid4().hex}"
        partial = self._directory / f".{name}"
        with partial.open("wb") as file:
            file.write(envelope + content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._directory / f"{name}.eml")

    def newest(self, recipient: str = "") -> list[Mail]:
        """The latest mails, newest first."""
        paths = sorted(self._directory.glob("[!.]*.eml"), reverse=True)
        mails = (_read(path) for path in paths)
        return list(islice((mail for mail in mails if not recipient or recipient in mail.recipients), _SHOWN))

    def count(self) -> int:
        """How many mails there are in all."""
        return sum(1 for _ in self._directory.glob("[!.]*.eml"))

    def html(self, mail_id: str) -> str | None:
        """The HTML part of one mail."""
        content = self.content(mail_id)
        part = _parse(content).get_body(("html",)) if content is not None else None
        return str(part.get_content()) if part else None

    def content(self, mail_id: str) -> bytes | None:
        path = self._directory / f"{mail_id}.eml"
        return path.read_bytes() if _ID.fullmatch(mail_id) and path.is_file() else None


def _parse(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _read(path: Path) -> Mail:
    message = _parse(path.read_bytes())
    body = message.get_body(("plain", "html"))
    received = datetime.strptime(path.name.partition("-")[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
    return Mail(
        id=path.stem,
        sender=str(message["X-Envelope-From"]),
        recipients=str(message["X-Envelope-To"]).split(", "),
        subject=str(message["Subject"] or ""),
        received_at=received.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        message_id=str(message["Message-ID"] or ""),
        text=body.get_content() if body else "",
        html=message.get_body(("html",)) is not None,
    )


class _Handler:
    """What aiosmtpd calls."""

    def __init__(self, mailbox: Mailbox, demo: bool) -> None:
        self._mailbox = mailbox
        self._demo = demo

    async def handle_RCPT(  # noqa: N802 (its name)
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """No domain has a mailbox `nobody`."""
        if address.lower().startswith("nobody@"):
            return "550 5.1.1 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (its name)
        if self._demo and self._mailbox.refuse_once():
            return "552 5.2.2 the mailbox is full of seed catalogues"
        self._mailbox.put(envelope.mail_from or "", envelope.rcpt_tos, envelope.content)
        return "250 kept"


_MAILBOX = web.AppKey("mailbox", Mailbox)
_SETTINGS = web.AppKey("settings", Settings)


def application(settings: Settings) -> web.Application:
    """SMTP on `ATES_SMTP`, pages on the address that the caller serves this application on."""
    app = web.Application()
    app[_MAILBOX] = Mailbox(settings.data / "mail")
    app[_SETTINGS] = settings
    app.cleanup_ctx.append(_smtp)
    app.add_routes([web.get("/livez", _live), web.get("/readyz", _ready)])
    key = r"/{key:[\w-]+}"
    for path, handler in (
        ("", _page),
        ("/", _page),
        ("/api/mails", _mails),
        ("/mails/{id}", _mail),
        ("/mails/{id}/html", _html),
    ):
        app.router.add_get(f"{key}{path}", _with_key(handler))
    return app


def _with_key(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """`handler`, for those who know the key: for all others there is nothing here."""

    async def checked(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.match_info["key"], request.app[_SETTINGS].inbox_key):
            raise web.HTTPNotFound
        response = await handler(request)
        response.headers["Referrer-Policy"] = "no-referrer"  # the address is the key
        return response

    return checked


async def _smtp(app: web.Application) -> AsyncIterator[None]:
    from aiosmtpd.smtp import SMTP

    host, _, port = app[_SETTINGS].smtp.rpartition(":")
    handler = _Handler(app[_MAILBOX], app[_SETTINGS].demo)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="localhost", data_size_limit=_MAIL_BYTES, enable_SMTPUTF8=True),
        host,
        int(port),
    )
    yield
    server.close()
    await server.wait_closed()


async def _page(request: web.Request) -> web.Response:
    mailbox, to = request.app[_MAILBOX], request.query.get("to", "")
    base = f"/{request.match_info['key']}"
    page = _PAGE.render(mails=mailbox.newest(to), to=to, count=mailbox.count(), base=base)
    return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": _PAGE_POLICY})


async def _mails(request: web.Request) -> web.Response:
    mails = request.app[_MAILBOX].newest(request.query.get("to", ""))
    return web.json_response({"items": [asdict(mail) for mail in mails]})


async def _mail(request: web.Request) -> web.Response:
    content = request.app[_MAILBOX].content(request.match_info["id"])
    if content is None:
        raise web.HTTPNotFound
    return web.Response(body=content, content_type="text/plain", charset="utf-8")


async def _html(request: web.Request) -> web.Response:
    html = request.app[_MAILBOX].html(request.match_info["id"])
    if html is None:
        raise web.HTTPNotFound
    return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": _HTML_POLICY})


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"live": True})


async def _ready(_request: web.Request) -> web.Response:
    """Serving at all means that the SMTP side listens: it starts first."""
    return web.json_response({"ready": True, "reason": ""})


_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none'"
# Somebody's mail is somebody's HTML: it runs nothing, loads nothing, and links leave the frame.
_HTML_POLICY = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'"

_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(
    Path(__file__).with_name("inbox.html.j2").read_text(encoding="utf-8")
)

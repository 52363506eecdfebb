"""The mail catcher: takes every mail by SMTP, keeps it as a file, shows it on a page and as JSON. Sends nothing.

    GET /                the page, newest first          GET /api/mails[?to=ADDRESS]   the same as JSON
    GET /mails/{id}      one mail as it came             GET /livez, /readyz

A mail is on disk before its sender hears that it was taken.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from ates.settings import Settings

_SHOWN = 200
_MAIL_BYTES = 2_000_000
_ID = re.compile(r"[0-9TZ]+-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Mail:
    """`received_at` is RFC 3339 UTC; `text` is the first plain text part."""

    id: str
    sender: str
    recipients: list[str]
    subject: str
    received_at: str
    text: str


class Mailbox:
    """Mails as files of one directory; names sort by time of arrival."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

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
        return [mail for mail in mails if not recipient or recipient in mail.recipients][:_SHOWN]

    def content(self, mail_id: str) -> bytes | None:
        path = self._directory / f"{mail_id}.eml"
        return path.read_bytes() if _ID.fullmatch(mail_id) and path.is_file() else None


def _read(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain", "html"))
    received = datetime.strptime(path.name.partition("-")[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
    return Mail(
        id=path.stem,
        sender=str(message["X-Envelope-From"]),
        recipients=str(message["X-Envelope-To"]).split(", "),
        subject=str(message["Subject"] or ""),
        received_at=received.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        text=body.get_content() if body else "",
    )


class _Handler:
    """What aiosmtpd calls."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (its name)
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
    app.add_routes(
        [
            web.get("/", _page),
            web.get("/api/mails", _mails),
            web.get("/mails/{id}", _mail),
            web.get("/livez", _live),
            web.get("/readyz", _ready),
        ]
    )
    return app


async def _smtp(app: web.Application) -> AsyncIterator[None]:
    from aiosmtpd.smtp import SMTP

    host, _, port = app[_SETTINGS].smtp.rpartition(":")
    handler = _Handler(app[_MAILBOX])
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="localhost", data_size_limit=_MAIL_BYTES, enable_SMTPUTF8=True),
        host,
        int(port),
    )
    yield
    server.close()
    await server.wait_closed()


async def _page(request: web.Request) -> web.Response:
    mails = request.app[_MAILBOX].newest(request.query.get("to", ""))
    return web.Response(text=_PAGE.render(mails=mails), content_type="text/html")


async def _mails(request: web.Request) -> web.Response:
    mails = request.app[_MAILBOX].newest(request.query.get("to", ""))
    return web.json_response({"items": [asdict(mail) for mail in mails]})


async def _mail(request: web.Request) -> web.Response:
    content = request.app[_MAILBOX].content(request.match_info["id"])
    if content is None:
        raise web.HTTPNotFound
    return web.Response(body=content, content_type="text/plain", charset="utf-8")


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"live": True})


async def _ready(_request: web.Request) -> web.Response:
    """Serving at all means that the SMTP side listens: it starts first."""
    return web.json_response({"ready": True, "reason": ""})


_PAGE = jinja2.Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Inbox · aTES</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1d2430 }
  article { border: 1px solid #d6dbe4; border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0 }
  h2 { font-size: 1.05rem; margin: 0 } p { margin: .25rem 0; color: #566175 } pre { white-space: pre-wrap }
</style>
<h1>Inbox</h1>
{% for mail in mails %}
<article><h2>{{ mail.subject or "(no subject)" }}</h2>
<p>to {{ mail.recipients | join(", ") }} · <time>{{ mail.received_at }}</time> ·
<a href="/mails/{{ mail.id }}">source</a></p>
<pre>{{ mail.text }}</pre></article>
{% else %}<p>No mail has come yet.</p>{% endfor %}
</html>
""")

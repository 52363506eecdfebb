"""The embedded inbox keeps mails, shows them, and lets their HTML do nothing."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from ates.embedded.inbox import Mailbox, application
from ates.platform.settings import Settings


def letter(subject: str) -> bytes:
    it = EmailMessage()
    it["From"], it["To"], it["Subject"], it["Message-ID"] = "a@b.example", "kiwi@popug.example", subject, "<1@b>"
    it.set_content("In words")
    it.add_alternative("<p>In <b>pictures</b><script>alert(1)</script></p>", subtype="html")
    return bytes(it)


async def test_a_mail_is_shown_as_html_that_can_do_nothing_and_as_text(tmp_path: Path) -> None:
    app = application(Settings(data=tmp_path, smtp="127.0.0.1:0", inbox_key="k3y"))
    mailbox = Mailbox(tmp_path / "mail")
    mailbox.put("a@b.example", ["kiwi@popug.example"], letter("<i>Paid</i>"))
    mailbox.put("a@b.example", ["kakadu@popug.example"], letter("Other"))
    async with TestClient(TestServer(app)) as client:
        page = await client.get("/k3y?to=kiwi@popug.example")
        text = await page.text()
        (mail,) = (await (await client.get("/k3y/api/mails?to=kiwi@popug.example")).json())["items"]
        html = await client.get(f"/k3y/mails/{mail['id']}/html")
        assert "pictures" in await html.text()
        nobody_s = mail["id"][:-1] + ("0" if mail["id"][-1] != "0" else "1")
        assert (await client.get(f"/k3y/mails/{nobody_s}/html")).status == 404
    assert "&lt;i&gt;Paid" in text
    assert "In words" in text
    assert "Other" not in text
    assert "2 in all, 1 shown" in text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    policy = html.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert (mail["message_id"], mail["html"]) == ("<1@b>", True)


def test_only_the_first_mail_of_a_demo_is_refused(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mail")
    assert mailbox.refuse_once()
    assert not mailbox.refuse_once()
    assert not Mailbox(tmp_path / "mail").refuse_once()


def test_an_inbox_that_has_mails_refuses_none(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mail")
    mailbox.put("a@b.example", ["kiwi@popug.example"], letter("Paid"))
    assert not mailbox.refuse_once()


async def test_who_does_not_know_the_key_sees_no_mail(tmp_path: Path) -> None:
    app = application(Settings(data=tmp_path, smtp="127.0.0.1:0", inbox_key="k3y"))
    Mailbox(tmp_path / "mail").put("a@b.example", ["kiwi@popug.example"], letter("Paid"))
    async with TestClient(TestServer(app)) as client:
        (mail,) = (await (await client.get("/k3y/api/mails")).json())["items"]
        for path in ("", "/api/mails", f"/mails/{mail['id']}", f"/mails/{mail['id']}/html"):
            for key in ("", "/k3", "/K3Y", "/k3yy", "/%6b"):
                assert (await client.get(f"{key}{path}")).status == 404, (key, path)
        page = await client.get("/k3y")
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert f'src="/k3y/mails/{mail["id"]}/html"' in await page.text()
        assert (await client.get("/readyz")).status == 200

"""A popug sets a second factor up, logs in with it, and switches it off, with scripts and without."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from .axe import barriers
from .popugs import PASSWORD, Popug, call


@pytest.fixture
def polly(stack: Any, chromium: Browser, admin: Popug) -> Popug:
    """Of nobody else: who gets a second factor cannot log in as the other tests do."""
    name = uuid.uuid4().hex[:8]
    popug = Popug(f"careful-{name}", f"Careful {name}", "accountant")
    account = {"login": popug.login, "password": PASSWORD, "name": popug.name, "role": popug.role}
    call(stack, chromium, admin, "/auth/api/accounts", account | {"email": f"{name}@popug.example"})
    return popug


def _to_code(page: Page, who: Popug) -> None:
    page.get_by_label("Login").fill(who.login)
    page.get_by_label("Password").fill(who.password)
    page.get_by_role("button", name="Fly in").click()
    expect(page.get_by_role("heading", name="And your code?")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_popug_guards_an_account_with_a_code_from_a_phone(
    visit: Callable[..., Page], polly: Popug, scripts: bool
) -> None:
    page = visit(polly, java_script_enabled=scripts)
    page.goto("/auth/profile")
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Set it up").click()
    assert not scripts or barriers(page) == []
    picture = page.get_by_role("img", name="QR code").bounding_box()
    assert picture
    assert picture["width"] > 100
    secret = (page.locator("code.secret").text_content() or "").replace(" ", "")
    phone = pyotp.TOTP(secret)
    page.get_by_label("Code", exact=True).fill("no code")
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    page.get_by_label("Code", exact=True).fill(phone.now())
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("heading", name="Keep these codes")).to_be_visible()
    codes = page.locator(".codes code").all_text_contents()
    assert len(codes) == 10
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes left")).to_be_visible()
    page.get_by_role("button", name="Log out", exact=True).click()

    _to_code(page, polly)
    page.get_by_label("Code", exact=True).fill(phone.at(time.time() + phone.interval))
    page.get_by_role("button", name="Fly in").click()
    page.wait_for_url(re.compile("/accounting/"))
    page.get_by_role("button", name="Log out", exact=True).click()

    _to_code(page, polly)
    page.get_by_label("Code", exact=True).fill(codes[0].upper())
    page.get_by_role("button", name="Fly in").click()
    page.wait_for_url(re.compile("/accounting/"))
    page.goto("/auth/profile")
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_label("Code", exact=True).fill(codes[1])
    page.get_by_role("button", name="Switch it off").click()
    expect(page.get_by_role("status")).to_contain_text("switched off")

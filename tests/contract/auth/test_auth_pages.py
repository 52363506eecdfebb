"""The pages of identity in a browser without JavaScript, against a real Postgres."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from ates.platform.settings import Settings
from ates.web.auth import bootstrap
from ates.web.auth.app import create_app

PASSWORD = "correct horse"
ELSEWHERE = ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/a\nb", "/auth/logout"]


async def _submit(client: TestClient, path: str, **fields: str) -> ClientResponse:
    return await client.post(path, data=fields, allow_redirects=False)


async def _get(client: TestClient, path: str) -> ClientResponse:
    return await client.get(path, allow_redirects=False)


async def _enter(client: TestClient, login: str = "admin", password: str = PASSWORD) -> None:
    assert (await _submit(client, "/auth/login", login=login, password=password)).status == 303


async def _csrf(client: TestClient, path: str = "/auth/profile") -> str:
    page = await (await client.get(path)).text()
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


def _cookie(client: TestClient, name: str) -> str | None:
    return next((cookie.value for cookie in client.session.cookie_jar if cookie.key == name), None)


def _drop(client: TestClient, *names: str) -> None:
    client.session.cookie_jar.clear(lambda cookie: cookie.key in names)


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', page)
    assert found, f"no hidden field {name} in {page}"
    return unescape(found[1])


async def test_a_login_leads_back_to_the_page_that_was_asked_for(client: TestClient) -> None:
    asked = await _get(client, "/auth/profile?from=mail")
    assert (asked.status, asked.headers["Location"]) == (303, "/auth/refresh?next=%2Fauth%2Fprofile%3Ffrom%3Dmail")
    sent_on = await _get(client, asked.headers["Location"])
    assert sent_on.headers["Location"] == "/auth/login?next=%2Fauth%2Fprofile%3Ffrom%3Dmail"
    page = await (await client.get(sent_on.headers["Location"])).text()
    assert "shape of your beak" in page
    target = _hidden(page, "next")
    entered = await _submit(client, "/auth/login", login="admin", password=PASSWORD, next=target)
    assert (entered.status, entered.headers["Location"]) == (303, "/auth/profile?from=mail")
    assert (await _get(client, "/auth/profile")).status == 200


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_a_login_never_leads_to_another_site_or_in_a_circle(client: TestClient, target: str) -> None:
    entered = await _submit(client, "/auth/login", login="admin", password=PASSWORD, next=target)
    assert entered.headers["Location"] == "/auth/home"


@pytest.mark.parametrize(
    ("role", "dashboard"),
    [("worker", "/tasks/"), ("manager", "/tasks/"), ("accountant", "/accounting/"), ("admin", "/analytics/")],
)
async def test_home_is_where_the_roles_day_begins(
    client: TestClient, settings: Settings, first_admin: bootstrap.Wanted, role: str, dashboard: str
) -> None:
    other = replace(first_admin, account_id="7d4f9a52-1c8e-4a8e-9d0f-5a1c7b3e2f10", login="other", role=role)
    await bootstrap.ensure(settings, [other])
    await _enter(client, "other")
    assert (await _get(client, "/auth/home")).headers["Location"] == dashboard


async def test_a_wrong_password_keeps_the_login_and_says_so_in_words(client: TestClient) -> None:
    response = await _submit(client, "/auth/login", login="<admin>", password="a guess")
    page = await response.text()
    assert response.status == 401
    assert "Login or password is wrong." in page
    assert 'value="&lt;admin&gt;"' in page
    assert "a guess" not in page


async def test_who_is_locked_out_is_told_for_how_long(client: TestClient) -> None:
    for _ in range(10):
        await _submit(client, "/auth/login", login="admin", password="a guess")
    response = await _submit(client, "/auth/login", login="admin", password=PASSWORD)
    assert response.status == 429
    assert int(response.headers["Retry-After"]) <= 60
    assert "Too many failed attempts" in await response.text()


async def test_a_page_with_an_expired_token_comes_back_with_a_new_one(client: TestClient) -> None:
    await _enter(client)
    before = _cookie(client, "ates_refresh_80")
    _drop(client, "ates_access_80")
    response = await client.get("/auth/profile")
    assert (response.status, response.url.path) == (200, "/auth/profile")
    assert _cookie(client, "ates_access_80")
    assert _cookie(client, "ates_refresh_80") != before


async def test_tabs_that_refresh_at_once_do_not_log_each_other_out(client: TestClient) -> None:
    await _enter(client)
    stale = _cookie(client, "ates_refresh_80")
    await _get(client, "/auth/refresh?next=/auth/profile")
    again = await client.get(
        "/auth/refresh?next=/auth/profile", cookies={"ates_refresh_80": stale or ""}, allow_redirects=False
    )
    assert (again.status, again.headers["Location"]) == (303, "/auth/profile")
    assert "ates_access_80" not in again.cookies
    assert (await _get(client, "/auth/profile")).status == 200


async def test_an_expired_form_is_sent_again_by_the_browser(client: TestClient) -> None:
    await _enter(client)
    token = await _csrf(client, "/auth/accounts")
    _drop(client, "ates_access_80")
    fields = {
        "csrf": token,
        "login": "polly",
        "name": "Polly",
        "email": "p@example.com",
        "role": "worker",
        "password": "wants a cracker",
    }
    response = await client.post("/auth/accounts", data=fields, headers={"Origin": "http://gateway.test"})
    page = await response.text()
    assert [hop.status for hop in response.history] == [307, 307, 303]
    assert "Welcome aboard, Polly." in page


async def test_what_was_typed_survives_a_session_that_is_over(client: TestClient, connection: Any) -> None:
    await _enter(client)
    token = await _csrf(client, "/auth/accounts")
    _drop(client, "ates_access_80")
    await connection.execute("UPDATE auth.sessions SET revoked_at = now()")
    fields = {
        "csrf": token,
        "login": "polly",
        "name": "Polly & <Co>",
        "email": "p@example.com",
        "role": "worker",
        "password": "wants a cracker",
    }
    asked = await client.post("/auth/accounts", data=fields)
    page = await asked.text()
    assert "Your session has expired" in page
    typed = _hidden(page, "typed")
    assert json.loads(typed) == [
        ["login", "polly"],
        ["name", "Polly & <Co>"],
        ["email", "p@example.com"],
        ["role", "worker"],
    ]
    entered = await _submit(
        client, "/auth/login", login="admin", password=PASSWORD, next=_hidden(page, "next"), typed=typed
    )
    page = await entered.text()
    assert entered.status == 200
    assert "Nothing has been sent yet" in page
    again = {name: _hidden(page, name) for name in ("csrf", "login", "name", "email", "role")}
    page = await (await client.post("/auth/accounts", data={**again, "password": "wants a cracker"})).text()
    assert "Welcome aboard, Polly &amp; &lt;Co&gt;." in page


async def test_a_foreign_page_cannot_have_a_form_resumed(client: TestClient) -> None:
    await _enter(client)
    _drop(client, "ates_access_80")
    response = await client.post(
        f"/auth/resume?next={quote('/auth/accounts')}", data={"login": "x"}, headers={"Origin": "https://evil.test"}
    )
    assert response.status == 403


async def test_a_form_without_its_token_is_refused(client: TestClient) -> None:
    await _enter(client)
    assert (await _submit(client, "/auth/logout")).status == 403
    assert (await _submit(client, "/auth/logout", csrf="made.up")).status == 403
    assert (await _get(client, "/auth/profile")).status == 200


async def test_logging_out_forgets_the_browser(client: TestClient) -> None:
    await _enter(client)
    response = await _submit(client, "/auth/logout", csrf=await _csrf(client))
    assert (response.status, response.headers["Location"]) == (303, "/auth/login")
    assert _cookie(client, "ates_access_80") is None
    assert (await _get(client, "/auth/profile")).status == 303


async def test_an_admin_hires_promotes_and_deactivates(client: TestClient, connection: Any) -> None:
    await _enter(client)
    token = await _csrf(client, "/auth/accounts")
    form = {"login": "polly", "name": "Polly", "email": "p@example.com", "role": "worker"}
    refused = await _submit(client, "/auth/accounts", csrf=token, **form, password="short")
    assert refused.status == 422
    assert 'value="p@example.com"' in await refused.text()
    assert (await _submit(client, "/auth/accounts", csrf=token, **form, password="long enough")).status == 303
    account = await connection.fetchval("SELECT id FROM auth.accounts WHERE login = 'polly'")
    path = f"/auth/accounts/{account}"
    for where, fields in (
        (path, {"name": "Polly P.", "email": "p@example.com", "role": "accountant"}),
        (f"{path}/password", {"password": "another one"}),
        (f"{path}/active", {"active": "false"}),
    ):
        assert (await _submit(client, where, csrf=token, **fields)).status == 303
    page = await (await client.get(path)).text()
    assert "deactivated" in page
    row = await connection.fetchrow("SELECT name, role, active, version FROM auth.accounts WHERE id = $1", account)
    assert tuple(row) == ("Polly P.", "accountant", False, 4)
    assert (await _get(client, "/auth/accounts/not-an-id")).status == 404


async def test_the_last_admin_cannot_be_taken_away(client: TestClient, first_admin: bootstrap.Wanted) -> None:
    await _enter(client)
    path = f"/auth/accounts/{first_admin.account_id}/active"
    response = await _submit(client, path, csrf=await _csrf(client), active="false")
    assert response.status == 409
    assert "last active admin" in await response.text()


async def test_sessions_can_be_ended_one_by_one_and_all_at_once(
    client: TestClient, settings: Settings, connection: Any
) -> None:
    await _enter(client)
    await client.post("/auth/api/login", json={"login": "admin", "password": PASSWORD}, headers={"User-Agent": "other"})
    sessions = await connection.fetch("SELECT id FROM auth.sessions WHERE user_agent <> 'other'")
    page = await (await client.get("/auth/profile")).text()
    assert page.count("<tr>") == 3
    token = await _csrf(client)
    ended = f"/auth/profile/sessions/{sessions[0]['id']}/end"
    assert (await _submit(client, ended, csrf=token)).status == 303
    assert await connection.fetchval("SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL") == 1
    assert (await _submit(client, "/auth/profile/log-out-everywhere", csrf=token)).status == 303
    assert await connection.fetchval("SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL") == 0
    assert (await _get(client, "/auth/profile")).headers["Location"].startswith("/auth/refresh")


async def test_demo_logins_are_shown_in_a_demo_and_nowhere_else(
    client: TestClient, settings: Settings, connection: Any
) -> None:
    logins = [{"login": "worker", "password": "demo-pass", "role": "worker"}]
    (settings.data / "logins.json").write_text(json.dumps(logins), encoding="utf-8")
    assert "demo-pass" not in await (await client.get("/auth/login")).text()
    for gateway, shown in (
        ("http://127.0.0.1:8080", True),
        ("https://127.0.0.1:8443", False),
        ("http://10.0.0.7:8080", False),
        ("https://tasks.example", False),
    ):
        app = create_app(replace(settings, demo=True, gateway=gateway))
        async with TestClient(TestServer(app)) as demo:
            assert ("demo-pass" in await (await demo.get("/auth/login")).text()) == shown, gateway


async def test_the_profile_changes_ones_own_password_and_says_what_is_wrong(client: TestClient) -> None:
    await _enter(client)
    page = await (await client.get("/auth/profile")).text()
    assert "1 session of at most 50" in page
    token = await _csrf(client)
    wrong = await _submit(client, "/auth/profile/password", csrf=token, current="a guess", password="a rarer parrot")
    assert wrong.status == 422
    assert "This is not your password." in await wrong.text()
    right = await _submit(client, "/auth/profile/password", csrf=token, current=PASSWORD, password="a rarer parrot")
    assert (right.status, right.headers["Location"]) == (303, "/auth/profile")
    assert "Your password is changed" in await (await client.get("/auth/profile")).text()

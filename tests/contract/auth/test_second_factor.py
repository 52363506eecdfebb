"""The second factor against a real Postgres: set up, asked for at login, used once, slowed down, reset, required."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pyotp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from ates.platform.settings import Settings
from ates.web.auth import bootstrap
from ates.web.auth.app import create_app
from ates.web.kit.keys import CLOCK

PASSWORD = "correct horse"
# The clock stands still: a test has the codes of three time steps.
BEFORE, THIS, AFTER = -1, 0, 1


@pytest.fixture
async def client(settings: Settings, connection: Any, first_admin: bootstrap.Wanted) -> AsyncIterator[TestClient]:
    await bootstrap.ensure(settings, [first_admin])
    app = create_app(settings)
    now = datetime.now(UTC)
    app[CLOCK] = lambda: now
    async with TestClient(TestServer(app)) as client:
        yield client


def _code(client: TestClient, secret: str, step: int = THIS) -> str:
    return pyotp.TOTP(secret).generate_otp(int(client.app[CLOCK]().timestamp()) // 30 + step)


def _wrong(client: TestClient, secret: str) -> str:
    near = {_code(client, secret, step) for step in range(-2, 3)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)


async def _post(client: TestClient, path: str, who: dict[str, Any] | None = None, **body: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {who['access_token']}"} if who else {}
    async with client.post(f"/auth/api/{path}", json=body, headers=headers) as response:
        return response.status, await response.json() if response.status != 204 else None


async def _log_in(client: TestClient, login: str = "admin", password: str = PASSWORD) -> tuple[int, Any]:
    return await _post(client, "login", login=login, password=password)


async def _set_up(client: TestClient, who: dict[str, Any]) -> tuple[str, list[str]]:
    """The secret and the recovery codes; the code of the step before is used."""
    status, setup = await _post(client, "second-factor", who, current_password=PASSWORD)
    assert status == 200, setup
    status, confirmed = await _post(client, "second-factor/confirm", who, code=_code(client, setup["secret"], BEFORE))
    assert status == 200, confirmed
    return setup["secret"], confirmed["recovery_codes"]


async def _admin(client: TestClient) -> dict[str, Any]:
    status, body = await _log_in(client)
    assert status == 200, body
    found: dict[str, Any] = body
    return found


async def _hire(client: TestClient, admin: dict[str, Any], login: str, role: str = "worker") -> dict[str, Any]:
    account = {"login": login, "password": PASSWORD, "name": login, "email": f"{login}@example.com", "role": role}
    status, body = await _post(client, "accounts", admin, **account)
    assert status == 201, body
    found: dict[str, Any] = body
    return found


async def _require(client: TestClient, admin: dict[str, Any], *roles: str, **more: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {admin['access_token']}"}
    url, body = "/auth/api/second-factor/roles", {"roles": roles, **more}
    async with client.put(url, json=body, headers=headers) as response:
        return response.status, await response.json()


async def _works(client: TestClient, who: dict[str, Any]) -> bool:
    headers = {"Authorization": f"Bearer {who['access_token']}"}
    return (await client.get("/auth/api/second-factor", headers=headers)).status == 200


async def test_a_second_factor_counts_when_one_code_has_confirmed_it(client: TestClient) -> None:
    admin = await _admin(client)
    assert (await _post(client, "second-factor", admin, current_password="a guess"))[0] == 422
    _, setup = await _post(client, "second-factor", admin, current_password=PASSWORD)
    assert setup["uri"] == f"otpauth://totp/aTES:admin?secret={setup['secret']}&issuer=aTES"
    assert (await _log_in(client))[0] == 200
    status, problem = await _post(client, "second-factor/confirm", admin, code=_wrong(client, setup["secret"]))
    assert (status, problem["errors"][0]["code"]) == (422, "code_wrong")
    status, confirmed = await _post(client, "second-factor/confirm", admin, code=_code(client, setup["secret"]))
    assert (status, len(confirmed["recovery_codes"])) == (200, 10)
    status, problem = await _log_in(client)
    assert (status, problem["code"]) == (401, "code_required")
    assert (await _post(client, "second-factor", admin, current_password=PASSWORD))[1]["code"] == "second_factor_active"


async def test_the_password_and_a_code_open_and_neither_does_alone(client: TestClient) -> None:
    secret, _ = await _set_up(client, await _admin(client))
    client.session.cookie_jar.clear()
    assert (await _log_in(client, password="a guess"))[1]["code"] == "login_failed"
    _, problem = await _log_in(client)
    assert not {cookie.key for cookie in client.session.cookie_jar}
    status, refused = await _post(client, "login/code", challenge=problem["challenge"], code=_wrong(client, secret))
    assert (status, refused["code"]) == (401, "code_wrong")
    for forged in ("", "made.up", problem["challenge"][:-1] + "0", problem["challenge"] + "0"):
        status, refused = await _post(client, "login/code", challenge=forged, code=_code(client, secret))
        assert (status, refused["code"]) == (401, "challenge_expired")
    status, entered = await _post(client, "login/code", challenge=problem["challenge"], code=_code(client, secret))
    assert (status, entered["account"]["login"]) == (200, "admin")
    assert "recovery_codes" not in entered
    assert await _works(client, entered)


async def test_a_code_opens_once_whoever_brings_it_at_the_same_time(client: TestClient) -> None:
    secret, _ = await _set_up(client, await _admin(client))
    _, problem = await _log_in(client)
    body = {"challenge": problem["challenge"], "code": _code(client, secret)}
    answers = await asyncio.gather(*(_post(client, "login/code", **body) for _ in range(5)))
    assert sorted(status for status, _ in answers) == [200, 401, 401, 401, 401]
    earlier = await _post(client, "login/code", challenge=problem["challenge"], code=_code(client, secret, BEFORE))
    assert earlier[0] == 401
    newer = await _post(client, "login/code", challenge=problem["challenge"], code=_code(client, secret, AFTER))
    assert newer[0] == 200


async def test_a_recovery_code_opens_once_and_is_kept_as_a_hash(client: TestClient, connection: Any) -> None:
    admin = await _admin(client)
    _, codes = await _set_up(client, admin)
    stored = await connection.fetch("SELECT hash FROM auth.recovery_codes")
    assert len(stored) == 10
    assert not any(code.replace("-", "").encode() in row["hash"] for code in codes for row in stored)
    _, problem = await _log_in(client)
    answers = await asyncio.gather(
        *(_post(client, "login/code", challenge=problem["challenge"], code=codes[3].upper()) for _ in range(3))
    )
    assert sorted(status for status, _ in answers) == [200, 401, 401]
    assert await connection.fetchval("SELECT count(*) FROM auth.recovery_codes") == 9
    assert (await _post(client, "login/code", challenge=problem["challenge"], code=codes[4]))[0] == 200


async def test_guessing_codes_is_stopped_for_a_while_wherever_it_comes_from(client: TestClient) -> None:
    secret, codes = await _set_up(client, await _admin(client))
    _, problem = await _log_in(client)

    async def guess(code: str, n: int) -> Any:
        body, headers = {"challenge": problem["challenge"], "code": code}, {"X-Forwarded-For": f"192.0.2.{n}"}
        return await client.post("/auth/api/login/code", json=body, headers=headers)

    assert [(await guess(_wrong(client, secret), n)).status for n in range(10)] == [401] * 10
    for right in (_code(client, secret), codes[0]):
        stopped = await guess(right, 99)
        assert stopped.status == 429
        assert 0 < int(stopped.headers["Retry-After"]) <= 30
    # The right password alone forgives nothing, and is not stopped.
    assert (await _log_in(client))[1]["code"] == "code_required"
    assert (await guess(_code(client, secret), 100)).status == 429


async def test_a_challenge_holds_for_ten_minutes_and_for_the_password_it_was_given_for(
    client: TestClient, connection: Any
) -> None:
    admin = await _admin(client)
    secret, _ = await _set_up(client, admin)
    _, problem = await _log_in(client)
    change = {"current": PASSWORD, "password": "a rarer parrot"}
    assert (await _post(client, "password", admin, **change))[0] == 200
    status, refused = await _post(client, "login/code", challenge=problem["challenge"], code=_code(client, secret))
    assert (status, refused["code"]) == (401, "challenge_expired")
    _, problem = await _log_in(client, password="a rarer parrot")
    await connection.execute("UPDATE auth.accounts SET active = false")
    assert (await _post(client, "login/code", challenge=problem["challenge"], code=_code(client, secret)))[0] == 401


async def test_switching_it_off_takes_the_password_and_a_code(client: TestClient) -> None:
    admin = await _admin(client)
    none = await _post(client, "second-factor/remove", admin, current_password=PASSWORD, code="123456")
    assert (none[0], none[1]["code"]) == (409, "second_factor_missing")
    secret, codes = await _set_up(client, admin)
    for password, code, field in (
        ("a guess", _code(client, secret), "current_password"),
        (PASSWORD, _wrong(client, secret), "code"),
    ):
        status, problem = await _post(client, "second-factor/remove", admin, current_password=password, code=code)
        assert (status, problem["errors"][0]["field"]) == (422, field)
    removed = await _post(client, "second-factor/remove", admin, current_password=PASSWORD, code=codes[0])
    assert removed[0] == 204
    assert (await _log_in(client))[0] == 200


async def test_an_admin_resets_the_factor_of_somebody_who_lost_it(client: TestClient, connection: Any) -> None:
    admin = await _admin(client)
    polly = await _hire(client, admin, "polly")
    _, session = await _log_in(client, "polly")
    await _set_up(client, session)
    path = f"accounts/{polly['id']}/second-factor/reset"
    assert (await _post(client, path, session))[0] == 403
    await connection.execute("UPDATE auth.sessions SET created_at = created_at - interval '16 minutes'")
    assert (await _post(client, path, admin))[1]["code"] == "confirmation_required"
    assert (await _post(client, path, admin, current_password=PASSWORD))[0] == 200
    assert not await _works(client, session)
    assert (await _log_in(client, "polly"))[0] == 200
    assert (await _post(client, path, admin, current_password=PASSWORD))[1]["code"] == "second_factor_missing"
    headers = {"Authorization": f"Bearer {admin['access_token']}"}
    entry = (await (await client.get("/auth/api/administration", headers=headers)).json())["items"][0]
    assert (entry["action"], entry["actor"], entry["account"]) == ("second_factor_reset", "admin", "polly")
    await _set_up(client, admin)
    own = await _post(
        client, f"accounts/{admin['account']['id']}/second-factor/reset", admin, current_password=PASSWORD
    )
    assert (own[0], own[1]["code"]) == (409, "second_factor_own")


async def test_a_role_that_needs_it_gets_nowhere_before_it_is_set_up(client: TestClient) -> None:
    admin = await _admin(client)
    await _hire(client, admin, "polly", "manager")
    await _hire(client, admin, "walter")
    (_, manager), (_, worker) = await _log_in(client, "polly"), await _log_in(client, "walter")
    assert await _require(client, admin, "manager") == (200, {"roles": ["manager"]})
    assert not await _works(client, manager)
    assert await _works(client, worker)
    status, problem = await _log_in(client, "polly")
    assert (status, problem["code"]) == (401, "second_factor_required")
    status, setup = await _post(client, "login/second-factor", challenge=problem["challenge"])
    assert status == 200
    wrong = await _post(client, "login/code", challenge=problem["challenge"], code=_wrong(client, setup["secret"]))
    assert wrong[0] == 401
    code = _code(client, setup["secret"])
    status, entered = await _post(client, "login/code", challenge=problem["challenge"], code=code)
    assert (status, len(entered["recovery_codes"])) == (200, 10)
    assert await _works(client, entered)
    off = await _post(
        client, "second-factor/remove", entered, current_password=PASSWORD, code=_code(client, setup["secret"], 1)
    )
    assert (off[0], off[1]["code"]) == (409, "second_factor_kept")
    # Nobody who knows the password alone can put another secret in its place.
    again = await _post(client, "login/second-factor", challenge=problem["challenge"])
    assert (again[0], again[1]["code"]) == (409, "second_factor_active")
    assert (await _log_in(client, "polly"))[1]["code"] == "code_required"


async def test_somebody_who_gets_such_a_role_sets_it_up_before_the_session_goes_on(client: TestClient) -> None:
    admin = await _admin(client)
    await _require(client, admin, "accountant")
    polly = await _hire(client, admin, "polly")
    client.session.cookie_jar.clear()
    await _log_in(client, "polly")
    headers = {"Authorization": f"Bearer {admin['access_token']}"}
    async with client.patch(
        f"/auth/api/accounts/{polly['id']}", json={"role": "accountant"}, headers=headers
    ) as changed:
        assert changed.status == 200
    assert (await client.post("/auth/api/refresh")).status == 401
    assert (await _log_in(client, "polly"))[1]["code"] == "second_factor_required"


async def test_an_admin_requires_it_of_admins_after_setting_it_up_and_the_log_says_so(
    client: TestClient, connection: Any
) -> None:
    admin = await _admin(client)
    assert (await _require(client, admin, "admin"))[1]["code"] == "second_factor_missing"
    assert (await _require(client, admin, "pirate"))[0] == 422
    await _set_up(client, admin)
    assert (await _require(client, admin, "admin", "worker"))[0] == 200
    assert (await _require(client, admin, "admin")) == (200, {"roles": ["admin"]})
    await connection.execute("UPDATE auth.sessions SET created_at = created_at - interval '16 minutes'")
    assert (await _require(client, admin))[1]["code"] == "confirmation_required"
    headers = {"Authorization": f"Bearer {admin['access_token']}"}
    entry = (await (await client.get("/auth/api/administration", headers=headers)).json())["items"][0]
    assert (entry["action"], entry["account"], entry["changes"]) == (
        "second_factor_required",
        None,
        {"roles": ["admin"]},
    )
    page = await (await client.get("/auth/administration")).text()
    assert "second factor required of: roles admin" in re.sub(r"\s+", " ", page)


async def _submit(client: TestClient, path: str, **fields: str) -> Any:
    return await client.post(path, data=fields, allow_redirects=False)


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', page)
    assert found, f"no hidden field {name} in {page}"
    return unescape(found[1])


def _secret(page: str) -> str:
    found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page)
    assert found, page
    assert "<svg" in page
    return found[1].replace(" ", "")


async def test_the_pages_set_it_up_ask_for_it_and_switch_it_off(client: TestClient) -> None:
    await _submit(client, "/auth/login", login="admin", password=PASSWORD)
    csrf = _hidden(await (await client.get("/auth/profile")).text(), "csrf")
    wrong = await _submit(client, "/auth/profile/second-factor", csrf=csrf, current_password="a guess")
    assert (wrong.status, "This is not your password." in await wrong.text()) == (422, True)
    begun = await _submit(client, "/auth/profile/second-factor", csrf=csrf, current_password=PASSWORD)
    secret = _secret(await begun.text())
    wrong = await _submit(client, "/auth/profile/second-factor/confirm", csrf=csrf, code=_wrong(client, secret))
    assert (wrong.status, _secret(await wrong.text())) == (422, secret)
    confirmed = await _submit(
        client, "/auth/profile/second-factor/confirm", csrf=csrf, code=_code(client, secret, BEFORE)
    )
    codes = re.findall(r"<li><code>([a-z2-9]{5}-[a-z2-9]{5})</code>", await confirmed.text())
    assert len(codes) == 10
    assert "10 recovery codes left" in await (await client.get("/auth/profile")).text()
    client.session.cookie_jar.clear()

    first = await _submit(client, "/auth/login", login="admin", password=PASSWORD, next="/auth/accounts")
    page = await first.text()
    assert (first.status, _hidden(page, "next"), PASSWORD in page) == (200, "/auth/accounts", False)
    fields = {"challenge": _hidden(page, "challenge"), "next": _hidden(page, "next")}
    wrong = await _submit(client, "/auth/login/code", code=_wrong(client, secret), **fields)
    assert (wrong.status, "This code is wrong" in await wrong.text()) == (401, True)
    entered = await _submit(client, "/auth/login/code", code=_code(client, secret), **fields)
    assert (entered.status, entered.headers["Location"]) == (303, "/auth/accounts")
    late = await _submit(client, "/auth/login/code", code=_code(client, secret), challenge="x")
    assert (late.status, "log in again" in await late.text()) == (401, True)

    csrf = _hidden(await (await client.get("/auth/profile")).text(), "csrf")
    form = {"csrf": csrf, "current_password": PASSWORD}
    assert (
        await _submit(client, "/auth/profile/second-factor/remove", code=_wrong(client, secret), **form)
    ).status == 422
    assert (await _submit(client, "/auth/profile/second-factor/remove", code=codes[0], **form)).status == 303
    assert "switched off" in await (await client.get("/auth/profile")).text()


async def test_the_login_page_leads_who_needs_it_through_setting_it_up(client: TestClient) -> None:
    admin = await _admin(client)
    polly = await _hire(client, admin, "polly", "manager")
    csrf = _hidden(await (await client.get("/auth/accounts")).text(), "csrf")
    assert (await _submit(client, "/auth/second-factor/roles", csrf=csrf, manager="on")).status == 303
    page = await (await client.get("/auth/accounts")).text()
    assert re.findall(r'name="(\w+)" checked', page) == ["manager"]
    client.session.cookie_jar.clear()
    page = await (await _submit(client, "/auth/login", login="polly", password=PASSWORD, next="/tasks/")).text()
    secret, fields = _secret(page), {"challenge": _hidden(page, "challenge"), "next": _hidden(page, "next")}
    again = await _submit(client, "/auth/login/code", code=_wrong(client, secret), **fields)
    assert _secret(await again.text()) == secret
    entered = await _submit(client, "/auth/login/code", code=_code(client, secret), **fields)
    page = await entered.text()
    assert (entered.status, len(re.findall("<li><code>", page)), '<a href="/tasks/"' in page) == (200, 10, True)
    assert (await client.get("/auth/profile", allow_redirects=False)).status == 200
    client.session.cookie_jar.clear()
    await _admin(client)
    path = f"/auth/accounts/{polly['id']}"
    csrf = _hidden(await (await client.get(path)).text(), "csrf")
    assert (await _submit(client, f"{path}/second-factor/reset", csrf=csrf)).status == 303
    assert "None." in await (await client.get(path)).text()

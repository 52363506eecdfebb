"""Identity against a real Postgres: the API, sessions, lock-out, accounts and what the outbox says of them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from argon2 import PasswordHasher

from ates.domain.errors import Rejected
from ates.platform.settings import Settings
from ates.web.auth import api, bootstrap, lockout, passwords, sessions
from ates.web.auth.app import create_app
from ates.web.auth.outbox import record_of
from ates.web.kit.statuses import status_of

ADMIN_PASSWORD, WRONG = "correct horse", "a guess"
GATEWAY = "http://gateway.test"


async def _log_in(client: TestClient, login: str = "admin", password: str = ADMIN_PASSWORD) -> dict[str, Any]:
    async with client.post("/auth/api/login", json={"login": login, "password": password}) as response:
        body: dict[str, Any] = await response.json()
        assert response.status == 200, body
        return body


def _bearer(body: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {body['access_token']}"}


async def _create(client: TestClient, admin: dict[str, Any], login: str, **changed: Any) -> dict[str, Any]:
    body = {
        "login": login,
        "password": "polly wants a cracker",
        "name": login.title(),
        "email": f"{login}@example.com",
        "role": "worker",
        **changed,
    }
    async with client.post("/auth/api/accounts", json=body, headers=_bearer(admin)) as response:
        assert response.status == 201, await response.text()
        created: dict[str, Any] = await response.json()
        return created


async def _patch(client: TestClient, admin: dict[str, Any], account: str, **fields: Any) -> tuple[int, Any]:
    url = f"/auth/api/accounts/{account}"
    async with client.patch(url, json=fields, headers=_bearer(admin)) as response:
        return response.status, await response.json()


async def _outbox(connection: Any) -> list[Any]:
    rows = await connection.fetch(
        "SELECT type, payload FROM auth.outbox WHERE aggregatetype <> 'administration' ORDER BY sequence"
    )
    return [record_of(row["type"], row["payload"]) for row in rows]


async def test_a_login_gives_a_token_and_the_account_as_the_contract_says(
    client: TestClient, first_admin: bootstrap.Wanted
) -> None:
    body = await _log_in(client, "ADMIN")
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    assert body["account"] == {
        "id": first_admin.account_id,
        "login": "admin",
        "name": first_admin.name,
        "email": first_admin.email,
        "role": "admin",
    }
    cookies = {cookie.key: cookie for cookie in client.session.cookie_jar}
    assert all(cookie["httponly"] and cookie["samesite"] == "Lax" for cookie in cookies.values())
    assert (cookies["ates_access_80"]["path"], cookies["ates_refresh_80"]["path"]) == ("/", "/auth")


@pytest.mark.parametrize(("login", "password"), [("admin", "wrong horse"), ("nobody", ADMIN_PASSWORD), ("", "")])
async def test_a_failed_login_says_the_same_whatever_was_wrong(client: TestClient, login: str, password: str) -> None:
    response = await client.post("/auth/api/login", json={"login": login, "password": password})
    body = await response.json()
    assert (response.status, body["code"], body["detail"]) == (
        401,
        "login_failed",
        "Login or password is wrong.",
    )


async def test_guessing_is_stopped_for_a_while_and_others_are_not(client: TestClient, connection: Any) -> None:
    async def guess(login: str, password: str = WRONG) -> int:
        response = await client.post("/auth/api/login", json={"login": login, "password": password})
        if response.status == 429:
            assert 0 < int(response.headers["Retry-After"]) <= 60
        return response.status

    admin = await _log_in(client)
    await _create(client, admin, "polly")
    assert sorted([await guess("admin") for _ in range(12)]) == [401] * 10 + [429] * 2
    assert await guess("admin", ADMIN_PASSWORD) == 429
    assert await guess("Polly", "polly wants a cracker") == 200
    assert [await guess("unknown") for _ in range(11)] == [401] * 10 + [429]
    await connection.execute("UPDATE auth.attempts SET blocked_until = now() - interval '1 second'")
    assert await guess("admin", ADMIN_PASSWORD) == 200


async def test_a_refresh_token_is_good_once_and_a_replay_ends_its_session(client: TestClient, connection: Any) -> None:
    await _log_in(client)
    first = _refresh_cookie(client)
    async with client.post("/auth/api/refresh") as response:
        assert response.status == 200
        renewed = await response.json()
    second = _refresh_cookie(client)
    assert first != second
    assert await _refresh_with(client, first) == 401
    assert await _refresh_with(client, second) == 401
    async with client.get("/auth/api/accounts", headers=_bearer(renewed)) as response:
        assert response.status == 401
    assert [type(event).__name__ for event in await _outbox(connection)] == ["AccountCreated", "SessionRevoked"]


def _refresh_cookie(client: TestClient) -> str:
    return next(cookie.value for cookie in client.session.cookie_jar if cookie.key == "ates_refresh_80")


async def _refresh_with(client: TestClient, token: str) -> int:
    client.session.cookie_jar.clear()
    async with client.post("/auth/api/refresh", cookies={"ates_refresh_80": token}) as response:
        return response.status


async def test_a_refresh_token_is_no_access_token(client: TestClient) -> None:
    await _log_in(client)
    headers = {"Authorization": f"Bearer {_refresh_cookie(client)}"}
    assert (await client.get("/auth/api/accounts", headers=headers)).status == 401


async def test_logging_out_ends_the_session(client: TestClient) -> None:
    body = await _log_in(client)
    token = _refresh_cookie(client)
    assert (await client.post("/auth/api/logout", headers=_bearer(body))).status == 204
    assert await _refresh_with(client, token) == 401
    assert (await client.get("/auth/api/accounts", headers=_bearer(body))).status == 401
    assert (await client.post("/auth/api/logout")).status == 401


async def test_every_change_of_an_account_is_an_event_with_the_next_version(
    client: TestClient, connection: Any
) -> None:
    admin = await _log_in(client)
    polly = await _create(client, admin, "polly")
    status, changed = await _patch(client, admin, polly["id"], role="accountant", name="Polly P.")
    assert (status, changed["role"], changed["name"]) == (200, "accountant", "Polly P.")
    await _patch(client, admin, polly["id"], role="accountant")
    events = [event for event in await _outbox(connection) if event.account_id == polly["id"]]
    assert [(type(event).__name__, event.version, event.role) for event in events] == [
        ("AccountCreated", 1, "worker"),
        ("AccountChanged", 2, "accountant"),
    ]


async def test_a_role_that_was_taken_away_does_not_outlive_its_token(client: TestClient) -> None:
    admin = await _log_in(client)
    second = await _create(client, admin, "second", role="admin")
    token = await _log_in(client, "second", "polly wants a cracker")
    await _patch(client, admin, second["id"], role="worker")
    assert (await client.get("/auth/api/accounts", headers=_bearer(token))).status == 401
    renewed = await (await client.post("/auth/api/refresh")).json()
    assert renewed["account"]["role"] == "worker"
    assert (await client.get("/auth/api/accounts", headers=_bearer(renewed))).status == 403


@pytest.mark.parametrize("change", [{"active": False}, {"password": "another cracker"}])
async def test_deactivation_and_a_new_password_end_every_session(
    client: TestClient, connection: Any, change: dict[str, Any]
) -> None:
    admin = await _log_in(client)
    polly = await _create(client, admin, "polly")
    for _ in range(2):
        await _log_in(client, "polly", "polly wants a cracker")
    token = _refresh_cookie(client)
    status, _ = await _patch(client, admin, polly["id"], **change)
    assert status == 200
    assert await _refresh_with(client, token) == 401
    names = [type(event).__name__ for event in await _outbox(connection)][2:]
    assert names == ["SessionRevoked", "SessionRevoked", "AccountChanged"]
    last = (await _outbox(connection))[-1]
    assert last.valid_after is not None
    assert last.active is change.get("active", True)
    body = {"login": "polly", "password": "polly wants a cracker"}
    assert (await client.post("/auth/api/login", json=body)).status == 401


async def test_a_hash_of_weaker_days_is_made_anew_at_the_next_login(client: TestClient, connection: Any) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(ADMIN_PASSWORD)
    await connection.execute("UPDATE auth.accounts SET password_hash = $1", weak)
    await _log_in(client)
    stored = await connection.fetchval("SELECT password_hash FROM auth.accounts")
    assert stored != weak
    assert not passwords.outdated(stored)
    await _log_in(client)


async def test_a_password_that_is_replaced_while_it_is_checked_opens_nothing(
    client: TestClient, connection: Any, first_admin: bootstrap.Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = passwords.correct

    async def replaced_meanwhile(password: str, stored: str | None) -> bool:
        found = await checked(password, stored)
        another = await passwords.hashed("another horse")
        await connection.execute(
            "UPDATE auth.accounts SET password_hash = $2 WHERE id = $1", first_admin.account_id, another
        )
        return found

    monkeypatch.setattr(passwords, "correct", replaced_meanwhile)
    response = await client.post("/auth/api/login", json={"login": "admin", "password": ADMIN_PASSWORD})
    assert (response.status, (await response.json())["code"]) == (401, "login_failed")
    assert not await connection.fetchval("SELECT count(*) FROM auth.sessions")


async def test_refreshes_and_changes_of_one_account_at_once_all_come_through(
    client: TestClient, first_admin: bootstrap.Wanted
) -> None:
    """Both lock the account before its sessions: none waits for the other for ever."""
    admin = await _log_in(client)
    tokens = []
    for _ in range(4):
        await _log_in(client)
        tokens.append(_refresh_cookie(client))
    statuses = await asyncio.gather(
        *(_refresh_with(client, token) for token in tokens),
        *(_status_of_rename(client, admin, first_admin.account_id, f"Ara {n}") for n in range(4)),
    )
    assert statuses == [200] * 8


async def _status_of_rename(client: TestClient, admin: dict[str, Any], account: str, name: str) -> int:
    return (await _patch(client, admin, account, name=name))[0]


async def test_two_admins_who_demote_each_other_leave_one(client: TestClient, first_admin: bootstrap.Wanted) -> None:
    admin = await _log_in(client)
    second = await _create(client, admin, "second", role="admin")
    outcomes = await asyncio.gather(
        _patch(client, admin, second["id"], role="worker"),
        _patch(client, admin, first_admin.account_id, role="worker"),
    )
    assert sorted(status for status, _ in outcomes) == [200, 409]
    assert [body["code"] for status, body in outcomes if status == 409] == ["last_admin"]


async def test_a_login_is_unique_whatever_its_case(client: TestClient) -> None:
    admin = await _log_in(client)
    await _create(client, admin, "polly")
    body = {
        "login": "POLLY",
        "password": "long enough",
        "name": "P",
        "email": "p@example.com",
        "role": "worker",
    }
    response = await client.post("/auth/api/accounts", json=body, headers=_bearer(admin))
    assert (response.status, (await response.json())["code"]) == (409, "login_taken")


async def test_every_wrong_field_is_named_and_nothing_is_written(
    client: TestClient, first_admin: bootstrap.Wanted, connection: Any
) -> None:
    admin = await _log_in(client)
    bad = {"login": "-", "password": "short", "name": " ", "email": "nowhere", "role": "pirate"}
    response = await client.post("/auth/api/accounts", json=bad, headers=_bearer(admin))
    assert response.status == 422
    assert {error["field"] for error in (await response.json())["errors"]} == set(bad)
    assert (await _patch(client, admin, first_admin.account_id, login="root"))[0] == 422
    assert (await _patch(client, admin, first_admin.account_id, role=None))[0] == 422
    assert (await _patch(client, admin, "not-an-id", role="worker"))[0] == 404
    assert len(await _outbox(connection)) == 1


async def test_one_idempotency_key_makes_one_account(client: TestClient, connection: Any) -> None:
    admin = await _log_in(client)
    body = {
        "login": "polly",
        "password": "long enough",
        "name": "P",
        "email": "p@example.com",
        "role": "worker",
    }
    headers = {**_bearer(admin), "Idempotency-Key": "the same"}

    async def create(**changed: Any) -> tuple[int, Any]:
        async with client.post("/auth/api/accounts", json={**body, **changed}, headers=headers) as response:
            return response.status, await response.json()

    answers = await asyncio.gather(*(create() for _ in range(8)))
    assert [status for status, _ in answers] == [201] * 8
    assert len({answer["id"] for _, answer in answers}) == 1
    assert len(await _outbox(connection)) == 2
    status, problem = await create(password="another one")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


async def test_accounts_are_listed_page_by_page(client: TestClient) -> None:
    admin = await _log_in(client)
    for login in ("cora", "Bert", "dora"):
        await _create(client, admin, login)
    seen: list[str] = []
    url = "/auth/api/accounts?limit=3"
    async with client.get(url, headers=_bearer(admin)) as response:
        first = await response.json()
    async with client.get(f"{url}&cursor={first['next']}", headers=_bearer(admin)) as response:
        second = await response.json()
    seen = [account["login"] for account in first["items"] + second["items"]]
    assert (seen, second["next"]) == (["admin", "Bert", "cora", "dora"], None)
    assert set(first["items"][0]) == {"id", "login", "name", "email", "role", "active"}


async def test_only_admins_administer_accounts(client: TestClient, first_admin: bootstrap.Wanted) -> None:
    admin = await _log_in(client)
    for role in ("worker", "accountant", "manager"):
        await _create(client, admin, role, role=role)
        token = await _log_in(client, role, "polly wants a cracker")
        assert (await client.get("/auth/api/accounts", headers=_bearer(token))).status == 403
        assert (await client.post("/auth/api/accounts", json={}, headers=_bearer(token))).status == 403
        assert (await _patch(client, token, first_admin.account_id, role="worker"))[0] == 403
        assert (await client.get("/auth/accounts", headers=_bearer(token))).status == 403


async def test_a_post_that_the_browser_was_tricked_into_is_refused(client: TestClient) -> None:
    body = await _log_in(client)
    without = await client.post("/auth/api/accounts", json={})
    assert (without.status, (await without.json())["code"]) == (403, "csrf_failed")
    headers = {"X-CSRF-Token": body["csrf_token"]}
    assert (await client.post("/auth/api/accounts", json={}, headers=headers)).status == 422
    for foreign in ({"Origin": "https://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        response = await client.post("/auth/api/accounts", json={}, headers={**headers, **foreign})
        assert (response.status, (await response.json())["code"]) == (403, "origin_foreign")
    assert (await client.post("/auth/api/accounts", json={}, headers={**headers, "Origin": GATEWAY})).status == 422


async def test_a_csrf_token_of_another_session_is_refused(client: TestClient) -> None:
    other = await _log_in(client)
    await _log_in(client)
    headers = {"X-CSRF-Token": other["csrf_token"]}
    assert (await client.post("/auth/api/accounts", json={}, headers=headers)).status == 403


async def test_ready_made_accounts_are_made_once_and_then_left_alone(
    client: TestClient, first_admin: bootstrap.Wanted, settings: Settings, connection: Any
) -> None:
    admin = await _log_in(client)
    await _patch(client, admin, first_admin.account_id, name="Renamed")
    await bootstrap.ensure(settings, [first_admin])
    events = await _outbox(connection)
    assert [(type(event).__name__, event.version) for event in events] == [
        ("AccountCreated", 1),
        ("AccountChanged", 2),
    ]


async def test_a_session_is_over_after_its_time(client: TestClient, connection: Any) -> None:
    await _log_in(client)
    await connection.execute("UPDATE auth.sessions SET expires_at = $1", datetime(2026, 1, 1, tzinfo=UTC))
    assert (await client.post("/auth/api/refresh")).status == 401


async def _try(client: TestClient, password: str, address: str, login: str = "admin", **cookies: str) -> Any:
    body = {"login": login, "password": password}
    return await client.post(
        "/auth/api/login", json=body, headers={"X-Forwarded-For": address}, cookies=cookies or None
    )


async def test_the_owner_goes_on_where_they_are_known_whatever_others_do_to_their_login(
    client: TestClient, connection: Any
) -> None:
    first = await _try(client, ADMIN_PASSWORD, "192.0.2.1")
    device = first.cookies["ates_device_80"].value
    client.session.cookie_jar.clear()
    for n in range(50):
        assert (await _try(client, "a guess", f"198.51.100.{n}")).status == 401
    await connection.execute(
        "UPDATE auth.attempts SET failures = 99, blocked_until = NULL WHERE subject = 'login:admin'"
    )
    assert (await _try(client, "a guess", "198.51.100.99")).status == 401
    assert (await _try(client, ADMIN_PASSWORD, "192.0.2.1")).status == 200
    client.session.cookie_jar.clear()
    assert (await _try(client, ADMIN_PASSWORD, "192.0.2.200", ates_device_80=device)).status == 200
    client.session.cookie_jar.clear()
    elsewhere = await _try(client, ADMIN_PASSWORD, "192.0.2.201")
    assert elsewhere.status == 429
    assert int(elsewhere.headers["Retry-After"]) <= 15  # slowed down, not locked out


async def test_an_address_is_what_the_last_trusted_proxy_saw_and_of_ipv6_the_network(settings: Settings) -> None:
    for proxies, forwarded, address in (
        (0, "203.0.113.9, 192.0.2.1", "192.0.2.1"),
        (1, "203.0.113.9, 192.0.2.1", "203.0.113.9"),
        (0, "2001:db8::1:2:3:4", "2001:db8::/64"),
        (0, "::ffff:192.0.2.7", "192.0.2.7"),
        (0, "x" * 300, "unknown"),
    ):
        app = create_app(replace(settings, proxies=proxies))
        request = make_mocked_request("POST", "/", headers={"X-Forwarded-For": forwarded}, app=app)
        assert api.address_of(request) == address


async def test_one_address_does_not_take_all_the_turns() -> None:
    turns = lockout.Turns(1)
    begun = asyncio.Event()

    async def occupy(address: str) -> None:
        async with turns.turn(address):
            begun.set()
            await asyncio.sleep(3600)

    crowd = [asyncio.create_task(occupy("192.0.2.1")) for _ in range(lockout.WAITING_ADDRESS_MAX)]
    await begun.wait()
    with pytest.raises(Rejected) as refused:
        await occupy("192.0.2.1")
    assert (refused.value.code, status_of(refused.value)) == ("too_many_logins", 429)
    other = asyncio.create_task(occupy("192.0.2.2"))
    await asyncio.sleep(0)
    assert not other.done()
    for task in (*crowd, other):
        task.cancel()
    await asyncio.gather(*crowd, other, return_exceptions=True)
    async with turns.turn("192.0.2.1"):
        pass


async def test_what_comes_along_when_a_login_is_pasted_does_not_matter(client: TestClient) -> None:
    assert (await _try(client, ADMIN_PASSWORD, "192.0.2.1", login=" admin\t")).status == 200


async def test_over_tls_the_cookies_belong_to_this_host_alone(settings: Settings, client: TestClient) -> None:
    async with TestClient(TestServer(create_app(replace(settings, gateway="https://tasks.example")))) as secure:
        cookies = (await _try(secure, ADMIN_PASSWORD, "192.0.2.1")).cookies
    access = cookies["__Host-ates_access_443"]
    assert (access["path"], access["secure"], access["domain"]) == ("/", True, "")
    assert cookies["__Secure-ates_refresh_443"]["secure"]


async def test_ones_own_password_is_changed_with_the_old_one_and_ends_every_other_session(client: TestClient) -> None:
    other, mine = await _log_in(client), await _log_in(client)
    change = {"current": WRONG, "password": "a rarer parrot"}
    refused = await client.post("/auth/api/password", json=change, headers=_bearer(mine))
    assert (refused.status, (await refused.json())["errors"][0]["field"]) == (422, "current")
    weak = {"current": ADMIN_PASSWORD, "password": "adminadmin"}
    assert (await client.post("/auth/api/password", json=weak, headers=_bearer(mine))).status == 422
    change["current"] = ADMIN_PASSWORD
    changed = await client.post("/auth/api/password", json=change, headers=_bearer(mine))
    assert changed.status == 200
    assert (await client.get("/auth/api/accounts", headers=_bearer(other))).status == 401
    assert (await client.get("/auth/api/accounts", headers=_bearer(await changed.json()))).status == 200
    assert (await _try(client, ADMIN_PASSWORD, "192.0.2.1")).status == 401
    assert (await _try(client, "a rarer parrot", "192.0.2.1")).status == 200


async def test_a_session_ends_that_is_not_used_for_a_week(client: TestClient, connection: Any) -> None:
    await _log_in(client)
    await connection.execute("UPDATE auth.sessions SET last_used_at = now() - interval '169 hours'")
    assert (await client.post("/auth/api/refresh")).status == 401


async def test_the_number_of_open_sessions_is_bounded_and_the_least_used_ends(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "OPEN_MAX", 2)
    first, second, third = [await _log_in(client) for _ in range(3)]
    statuses = [(await client.get("/auth/api/accounts", headers=_bearer(who))).status for who in (first, second, third)]
    assert statuses == [401, 200, 200]


async def test_an_admin_of_long_ago_confirms_with_their_password_what_gives_power(
    client: TestClient, connection: Any
) -> None:
    admin = await _log_in(client)
    polly = await _create(client, admin, "polly")
    await connection.execute("UPDATE auth.sessions SET created_at = now() - interval '16 minutes'")
    for change in ({"role": "admin"}, {"password": "another cracker"}):
        status, problem = await _patch(client, admin, polly["id"], **change)
        assert (status, problem["code"]) == (403, "confirmation_required")
        status, problem = await _patch(client, admin, polly["id"], **change, current_password=WRONG)
        assert (status, problem["errors"][0]["field"]) == (422, "current_password")
        assert (await _patch(client, admin, polly["id"], **change, current_password=ADMIN_PASSWORD))[0] == 200
    assert (await _patch(client, admin, polly["id"], name="Polly P."))[0] == 200


async def test_who_did_what_to_whom_is_kept_and_is_an_event(client: TestClient, connection: Any) -> None:
    admin = await _log_in(client)
    polly = await _create(client, admin, "polly")
    await _patch(client, admin, polly["id"], role="manager", password="another cracker")
    async with client.get("/auth/api/administration", headers=_bearer(admin)) as response:
        last, first = (await response.json())["items"]
    assert [first[name] for name in ("actor", "account", "action")] == ["admin", "polly", "account_created"]
    assert (last["action"], last["changes"]) == ("account_changed", {"role": "manager", "password": "set"})
    assert last["address"] == "127.0.0.1"
    rows = await connection.fetch(
        "SELECT type, payload FROM auth.outbox WHERE aggregatetype = 'administration' ORDER BY sequence"
    )
    events = [record_of(row["type"], row["payload"]) for row in rows]
    assert [(event.actor_id, event.action, event.account_id) for event in events] == [
        (admin["account"]["id"], "account_created", polly["id"]),
        (admin["account"]["id"], "account_changed", polly["id"]),
    ]
    assert json.loads(events[1].changes) == {"role": "manager", "password": "set"}
    page = await (await client.get("/auth/administration")).text()
    assert "another cracker" not in page
    assert "polly" in page

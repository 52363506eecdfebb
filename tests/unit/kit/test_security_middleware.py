"""Every path of a service needs a good token, whatever way in is tried."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ates.domain.errors import AtesError
from ates.platform.settings import Settings
from ates.web.auth.keys import SigningKeys, generate
from ates.web.kit.identity import csrf
from ates.web.kit.identity.security import (
    IDENTITY,
    action_of,
    identity_of,
    public,
    requires,
    security_middleware,
    setup_security,
)
from ates.web.kit.identity.tokens import Identity
from ates.web.kit.keys import SETTINGS
from ates.web.kit.statuses import status_of

KEYS = SigningKeys([generate()])
ACCOUNT, SID, REVOKED_SID = (str(uuid.uuid4()) for _ in range(3))
SETTINGS_OF_TESTS = Settings(csrf_secret="a secret of the tests", gateway="http://gateway.test")


def _token(role: str = "worker", sid: str = SID) -> str:
    return KEYS.access_token(account_id=ACCOUNT, role=role, name="Polly", sid=sid)


@public
async def _open(request: web.Request) -> web.Response:
    return web.json_response({"known": request[IDENTITY] is not None})


async def _mine(request: web.Request) -> web.Response:
    return web.json_response({"account": identity_of(request).account_id})


@requires("tasks.assign")
async def _assign(_request: web.Request) -> web.Response:
    return web.json_response({})


@web.middleware
async def _errors(request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:
    try:
        return await handler(request)
    except AtesError as error:
        return web.json_response({"code": error.code}, status=status_of(error))


async def _revoked(identity: Identity) -> bool:
    return identity.sid == REVOKED_SID


@pytest.fixture
async def client() -> AsyncIterator[TestClient]:
    app = web.Application(middlewares=[_errors, security_middleware("tasks")])
    app[SETTINGS] = SETTINGS_OF_TESTS
    setup_security(app, SETTINGS_OF_TESTS, keys=KEYS, revoked=_revoked)
    app.router.add_get("/livez", _open)
    app.router.add_get("/tasks/open", _open)
    for path in ("/tasks/mine", "/tasks/api/mine"):
        app.router.add_get(path, _mine)
        app.router.add_post(path, _mine)
    app.router.add_post("/tasks/api/assign", _assign)
    async with TestClient(TestServer(app)) as client:
        yield client


async def _ask(
    client: TestClient, method: str, path: str, *, bearer: str = "", cookie: str = "", **headers: str
) -> tuple[int, str]:
    """Status, and the code of the problem or where it redirects."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if bearer:
        sent["Authorization"] = f"Bearer {bearer}"
    cookies = {"ates_access_80": cookie} if cookie else {}
    async with client.request(method, path, headers=sent, cookies=cookies, allow_redirects=False) as response:
        text = await response.text()
        code = json.loads(text).get("code", "") if text else response.headers.get("Location", "")
        return response.status, code


async def test_an_api_call_without_a_token_is_refused_and_a_page_is_sent_through_auth(client: TestClient) -> None:
    assert await _ask(client, "GET", "/tasks/api/mine") == (401, "unauthorized")
    assert await _ask(client, "GET", "/tasks/mine?a=1") == (303, "/auth/refresh?next=%2Ftasks%2Fmine%3Fa%3D1")
    assert await _ask(client, "POST", "/tasks/mine") == (307, "/auth/resume?next=%2Ftasks%2Fmine")
    assert await _ask(client, "GET", "/tasks/api/no-such-thing") == (401, "unauthorized")


async def test_a_good_token_works_as_bearer_and_as_cookie(client: TestClient) -> None:
    assert await _ask(client, "GET", "/tasks/api/mine", bearer=_token()) == (200, "")
    assert await _ask(client, "GET", "/tasks/mine", cookie=_token()) == (200, "")


async def test_a_bad_bearer_is_not_saved_by_a_good_cookie(client: TestClient) -> None:
    assert await _ask(client, "GET", "/tasks/mine", bearer="forged", cookie=_token()) == (401, "unauthorized")
    assert await _ask(client, "GET", "/tasks/mine", Authorization="Basic eDp5") == (401, "unauthorized")


async def test_two_authorization_headers_are_one_too_many(client: TestClient) -> None:
    headers = [("Authorization", f"Bearer {_token()}")] * 2
    async with client.get("/tasks/api/mine", headers=headers) as response:
        assert response.status == 401


async def test_a_session_that_was_taken_back_is_over(client: TestClient) -> None:
    assert await _ask(client, "GET", "/tasks/api/mine", bearer=_token(sid=REVOKED_SID)) == (401, "unauthorized")


async def test_health_and_public_pages_are_open(client: TestClient) -> None:
    assert (await _ask(client, "GET", "/livez"))[0] == 200
    assert (await _ask(client, "GET", "/tasks/open", cookie="forged"))[0] == 200


async def test_a_role_may_do_what_the_table_says(client: TestClient) -> None:
    assert await _ask(client, "POST", "/tasks/api/assign", bearer=_token("worker")) == (403, "forbidden")
    assert await _ask(client, "POST", "/tasks/api/assign", bearer=_token("manager")) == (200, "")
    assert await _ask(client, "POST", "/tasks/api/assign", bearer=_token("pirate")) == (403, "forbidden")
    assert action_of(_assign) == "tasks.assign"


async def test_a_cookie_alone_changes_nothing(client: TestClient) -> None:
    ask = "POST", "/tasks/api/mine"
    token = csrf.make(SETTINGS_OF_TESTS.csrf_secret, SID)
    assert await _ask(client, *ask, cookie=_token()) == (403, "csrf_failed")
    assert await _ask(client, *ask, cookie=_token(), X_CSRF_Token=token) == (200, "")
    assert await _ask(client, *ask, bearer=_token()) == (200, "")
    async with client.post(ask[1], data={"csrf": token}, cookies={"ates_access_80": _token()}) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "foreign", [{"Origin": "https://evil.test"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}]
)
async def test_another_sites_form_is_refused_even_with_the_token(client: TestClient, foreign: dict[str, str]) -> None:
    token = csrf.make(SETTINGS_OF_TESTS.csrf_secret, SID)
    answer = await _ask(client, "POST", "/tasks/mine", cookie=_token(), X_CSRF_Token=token, **foreign)
    assert answer == (403, "origin_foreign")
    assert await _ask(client, "POST", "/tasks/mine", **foreign) == (403, "origin_foreign")


async def test_our_own_pages_are_ours_by_either_name(client: TestClient) -> None:
    token = csrf.make(SETTINGS_OF_TESTS.csrf_secret, SID)
    for origin in ("http://gateway.test", f"http://{client.host}:{client.port}"):
        assert (await _ask(client, "POST", "/tasks/mine", cookie=_token(), X_CSRF_Token=token, Origin=origin))[0] == 200


def test_an_action_that_nobody_put_into_the_table_cannot_be_required() -> None:
    with pytest.raises(KeyError):
        requires("tasks.juggle")

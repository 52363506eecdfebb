"""The gateway as the outside sees it: a real Envoy, the real template, front ends that tell what reached them."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ates.embedded import gateway, ports, probes
from ates.platform import cookies
from ates.platform.settings import Settings

SERVICE = web.AppKey("service", str)
KEY, OTHER_KEY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


JWKS_SECONDS = 2  # between two fetches of the keys, sixty in earnest
NEXT_KEY = Ed25519PrivateKey.generate()


class Auth:
    """What auth publishes, and how often it was asked."""

    keys: ClassVar[dict[str, Ed25519PrivateKey]] = {"k1": KEY}
    fetches = 0


def _token(key: Ed25519PrivateKey = KEY, kid: str = "k1", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": "ates", "aud": "ates", "sub": "popug-1", "iat": now, "exp": now + 300} | changes
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid})


def _cookie(call: aiohttp.ClientSession, token: str) -> dict[str, str]:
    return {cookies.names(str(call._base_url)).access: token}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _jwks(_request: web.Request) -> web.Response:
    Auth.fetches += 1
    return web.json_response({"keys": [_public(kid, key) for kid, key in Auth.keys.items()]})


def _public(kid: str, key: Ed25519PrivateKey) -> dict[str, str]:
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": x}


async def _echo(request: web.Request) -> web.Response:
    body = await request.read()
    if request.query.get("long"):
        return web.Response(text="<p>squawk</p>" * 1000, content_type=request.query["long"])
    if request.query.get("wait"):
        await asyncio.sleep(float(request.query["wait"]))
    service = request.app[SERVICE]
    headers = {name.lower(): value for name, value in request.headers.items()}
    return web.json_response({"service": service, "path": request.path, "headers": headers, "size": len(body)})


async def _serve(service: str, port: int) -> web.AppRunner:
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app[SERVICE] = service
    app.router.add_get("/auth/.well-known/jwks.json", _jwks)
    app.router.add_route("*", "/{path:.*}", _echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


@pytest.fixture(scope="module")
def addresses() -> dict[str, int]:
    names = ["gateway", "gateway.admin", *(f"web.{name}" for name in gateway.SERVICES)]
    return ports.choose(names, {})


@pytest.fixture(scope="module")
def envoy(addresses: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("gateway")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "JWKS_SECONDS", JWKS_SECONDS)
        patch.setattr(gateway, "PAGE_SECONDS", 2)
        gateway.write(folder / "envoy.yaml", gateway.embedded(addresses, Settings(proxies=1)))
    with (folder / "envoy.log").open("wb") as log:
        process = subprocess.Popen(
            gateway.command(folder / "envoy.yaml"), cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    yield folder / "envoy.log"
    process.terminate()
    process.wait(10)


@pytest.fixture
async def front_ends(addresses: dict[str, int]) -> AsyncIterator[dict[str, web.AppRunner]]:
    runners = {name: await _serve(name, addresses[f"web.{name}"]) for name in gateway.SERVICES}
    yield runners
    for runner in runners.values():
        await runner.cleanup()


@pytest.fixture
async def call(
    addresses: dict[str, int], envoy: Path, front_ends: dict[str, web.AppRunner]
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the gateway, once Envoy has read auth's keys."""
    ready = probes.http(f"http://127.0.0.1:{addresses['gateway.admin']}/ready")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{addresses['gateway']}") as session:
        for _ in range(200):
            if not await ready() and (await session.get("/tasks/api/x", headers=_bearer(_token()))).status == 200:
                break
            await asyncio.sleep(0.1)
        yield session


@pytest.mark.parametrize("service", gateway.SERVICES)
async def test_a_good_token_opens_every_api(call: aiohttp.ClientSession, service: str) -> None:
    answer = await call.get(f"/{service}/api/things", headers=_bearer(_token()))
    seen = await answer.json()
    assert (answer.status, seen["service"], seen["path"]) == (200, service, f"/{service}/api/things")


async def test_a_token_in_the_cookie_is_as_good_as_in_the_header(call: aiohttp.ClientSession) -> None:
    assert (await call.get("/tasks/api/things", cookies=_cookie(call, _token()))).status == 200


async def test_a_stale_cookie_does_not_spoil_a_good_header(call: aiohttp.ClientSession) -> None:
    for stale in (_token(exp=1), "nonsense"):
        answer = await call.get("/tasks/api/things", headers=_bearer(_token()), cookies=_cookie(call, stale))
        assert answer.status == 200


async def test_a_bad_header_is_not_saved_by_a_good_cookie(call: aiohttp.ClientSession) -> None:
    for header in (_bearer(_token(exp=1)), _bearer("nonsense"), {"Authorization": "Basic eDp5"}):
        answer = await call.get("/tasks/api/things", headers=header, cookies=_cookie(call, _token()))
        assert answer.status == 401


async def test_two_authorization_headers_are_one_too_many(call: aiohttp.ClientSession) -> None:
    for first, second in ((_token(), _token(exp=1)), (_token(exp=1), _token()), (_token(), _token())):
        headers = [("Authorization", f"Bearer {first}"), ("Authorization", f"Bearer {second}")]
        assert (await call.get("/tasks/api/things", headers=headers)).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        _bearer("nonsense"),
        _bearer(_token(OTHER_KEY)),
        _bearer(_token(exp=int(time.time()) - 60)),
        _bearer(_token(aud="somebody else")),
        _bearer(_token(iss="somebody else")),
        _bearer(jwt.encode({"iss": "ates", "aud": "ates", "sub": "x"}, "s" * 32, algorithm="HS256")),
    ],
    ids=["none", "garbage", "other key", "expired", "other audience", "other issuer", "other algorithm"],
)
async def test_an_api_without_a_good_token_answers_a_401_problem(call: aiohttp.ClientSession, headers: Any) -> None:
    answer = await call.get("/tasks/api/things", headers=headers)
    problem = await answer.json()
    assert answer.content_type == "application/problem+json"
    assert (answer.status, problem["status"], problem["code"]) == (401, 401, "unauthorized")


async def test_unknown_kids_do_not_make_the_gateway_ask_for_keys(call: aiohttp.ClientSession) -> None:
    asked = Auth.fetches
    began = time.monotonic()
    for n in range(50):
        answer = await call.get("/tasks/api/things", headers=_bearer(_token(OTHER_KEY, f"unknown-{n}")))
        assert answer.status == 401
    # Two providers ask by the clock, whoever calls.
    assert Auth.fetches - asked <= 2 * (1 + (time.monotonic() - began) / JWKS_SECONDS)


async def test_a_new_key_is_known_once_it_has_been_published_for_a_while(call: aiohttp.ClientSession) -> None:
    token = _token(NEXT_KEY, "k2")
    assert (await call.get("/tasks/api/things", headers=_bearer(token))).status == 401
    Auth.keys["k2"] = NEXT_KEY
    await _until_status(call, token, 200)
    assert (await call.get("/tasks/api/things", headers=_bearer(_token()))).status == 200


async def _until_status(call: aiohttp.ClientSession, token: str, status: int) -> None:
    async with asyncio.timeout(30):
        while (await call.get("/tasks/api/things", headers=_bearer(token))).status != status:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_tokens_go_on_working_while_auth_is_away(
    call: aiohttp.ClientSession, front_ends: dict[str, web.AppRunner]
) -> None:
    await front_ends["auth"].cleanup()
    for _ in range(4):
        await asyncio.sleep(JWKS_SECONDS / 2)
        assert (await call.get("/tasks/api/things", headers=_bearer(_token()))).status == 200


@pytest.mark.parametrize("path", ["login", "refresh", "logout"])
async def test_logging_in_needs_no_token(call: aiohttp.ClientSession, path: str) -> None:
    assert (await call.post(f"/auth/api/{path}", json={})).status == 200


@pytest.mark.parametrize("path", ["/tasks/", "/auth/login", "/tasks/static/app.css", "/tasks/livez", "/tasks/readyz"])
async def test_pages_are_reached_without_a_token_and_decide_themselves(call: aiohttp.ClientSession, path: str) -> None:
    assert (await call.get(path)).status == 200
    assert (await call.get(path, cookies=_cookie(call, _token(exp=1)))).status == 200


async def test_the_front_end_gets_the_token_and_no_identity_from_outside(call: aiohttp.ClientSession) -> None:
    forged = {"X-Ates-Account": "boss", "X-Forwarded-User": "boss", "X-JWT-Payload": "e30", "X-User-Id": "1"}
    token = _token()
    answer = await call.get("/tasks/api/things", headers=forged | _bearer(token))
    headers = (await answer.json())["headers"]
    assert headers["authorization"] == f"Bearer {token}"
    assert not {name for name in headers if name in {forged_name.lower() for forged_name in forged}}


@pytest.mark.parametrize(
    "path", ["/nowhere", "/tasks/metrics", "/auth/openapi.json", "/tasks//metrics", "/tasks/x/../metrics", "/admin"]
)
async def test_what_is_not_routed_answers_a_404_problem(call: aiohttp.ClientSession, path: str) -> None:
    answer = await call.get(path)
    assert answer.content_type == "application/problem+json"
    assert (answer.status, (await answer.json())["code"]) == (404, "not_found")


async def test_a_path_that_hides_slashes_is_refused(call: aiohttp.ClientSession) -> None:
    from yarl import URL

    answer = await call.get(URL("/tasks%2Fmetrics", encoded=True))
    assert answer.status in (400, 404)


async def test_more_than_a_mebibyte_answers_a_413_problem(call: aiohttp.ClientSession) -> None:
    answer = await call.post("/tasks/api/tasks", data=b"x" * (1024 * 1024 + 1), headers=_bearer(_token()))
    assert (answer.status, (await answer.json())["code"]) == (413, "too_large")
    fits = await call.post("/tasks/api/tasks", data=b"x" * (1024 * 1024 - 1), headers=_bearer(_token()))
    assert (fits.status, (await fits.json())["size"]) == (200, 1024 * 1024 - 1)


async def _raw(port: int, request: bytes) -> tuple[int, dict[str, Any]]:
    """Status and problem that answer exactly these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET /tasks/ HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /tasks/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX_Under: 1\r\n\r\n", 400, "bad_request"),
        (b"GET /tasks%2Fmetrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, "bad_request"),
        (b"this is no HTTP\r\n\r\n", 400, "bad_request"),
    ],
    ids=["endless header", "underscore in a header", "hidden slash", "not HTTP"],
)
async def test_what_the_gateway_does_not_understand_is_answered_with_a_problem(
    call: aiohttp.ClientSession, addresses: dict[str, int], request_bytes: bytes, status: int, code: str
) -> None:
    answered, problem = await _raw(addresses["gateway"], request_bytes)
    assert (answered, problem["status"], problem["code"]) == (status, status, code)


@pytest.mark.parametrize(
    ("path", "status", "target"),
    [
        ("/", 303, "/auth/home"),
        ("/analitics/", 308, "/analytics/"),
        ("/analitics/summary?day=2026-01-01", 308, "/analytics/summary?day=2026-01-01"),
        ("/tasks", 308, "/tasks/"),
    ],
)
async def test_old_and_short_addresses_lead_on(
    call: aiohttp.ClientSession, path: str, status: int, target: str
) -> None:
    answer = await call.get(path, allow_redirects=False)
    location = answer.headers["Location"].split("/", 3)[3]
    assert (answer.status, f"/{location}") == (status, target)


@pytest.mark.parametrize("path", ["/tasks/", "/nowhere", "/tasks/api/things"])
async def test_every_answer_carries_the_security_headers(call: aiohttp.ClientSession, path: str) -> None:
    headers = (await call.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    assert "x-envoy-upstream-service-time" not in headers


async def test_a_storm_of_logins_is_slowed_down_and_nothing_else(call: aiohttp.ClientSession) -> None:
    answers = await asyncio.gather(*(call.post("/auth/api/login", json={}) for _ in range(120)))
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert (await refused[0].json())["code"] == "rate_limited"
    assert refused[0].headers["Retry-After"] == "1"
    assert (await call.get("/auth/login")).status == 200


async def test_a_front_end_that_is_away_answers_a_503_problem(
    call: aiohttp.ClientSession, front_ends: dict[str, web.AppRunner]
) -> None:
    await front_ends["analytics"].cleanup()
    answer = await call.get("/analytics/api/things", headers=_bearer(_token()))
    assert (answer.status, (await answer.json())["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "2"
    assert (await call.get("/tasks/api/things", headers=_bearer(_token()))).status == 200


def _logged(log: Path, text: str) -> Any:
    """The access log's entry that holds `text`; Envoy writes it with a delay."""
    for _ in range(100):
        if found := [line for line in log.read_text().splitlines() if text in line]:
            return json.loads(found[-1])
        time.sleep(0.2)
    raise AssertionError(f"{text} is not in {log}")


async def test_the_access_log_names_the_account_and_hides_the_query(call: aiohttp.ClientSession, envoy: Path) -> None:
    await call.get("/tasks/api/looked-for?q=secret", headers=_bearer(_token()))
    entry = await asyncio.to_thread(_logged, envoy, "looked-for")
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/tasks/api/looked-for", 200)
    assert entry["account"] == "popug-1"


async def test_the_trace_of_the_access_log_is_the_one_that_the_front_end_sees(
    call: aiohttp.ClientSession, envoy: Path
) -> None:
    seen = (await (await call.get("/tasks/api/traced", headers=_bearer(_token()))).json())["headers"]
    entry = await asyncio.to_thread(_logged, envoy, "api/traced")
    assert entry["traceparent"] == seen["traceparent"]
    assert entry["request_id"].replace("-", "") == seen["traceparent"].split("-")[1]
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await call.get("/tasks/api/traced", headers=_bearer(_token()) | {"traceparent": given})
    assert (await answer.json())["headers"]["traceparent"] == given
    assert (await call.get("/tasks/api/refused")).status == 401
    assert (await asyncio.to_thread(_logged, envoy, "api/refused"))["traceparent"]


@pytest.mark.parametrize(("kind", "encoding"), [("text/html", "gzip"), ("text/event-stream", None)])
async def test_pages_are_compressed_and_events_are_not_held_back(
    call: aiohttp.ClientSession, kind: str, encoding: str | None
) -> None:
    answer = await call.get("/tasks/", params={"long": kind}, headers={"Accept-Encoding": "gzip"})
    assert answer.headers.get("Content-Encoding") == encoding
    assert (await answer.text()).startswith("<p>squawk</p>")


async def test_no_token_is_ever_logged(call: aiohttp.ClientSession, envoy: Path) -> None:
    tokens = [_token(), _token(exp=1), _token(OTHER_KEY)]
    for token in tokens:
        await call.get("/tasks/api/x", headers=_bearer(token))
        await call.get(f"/tasks/api/x?token={token}", cookies=_cookie(call, token))
    await call.get("/tasks/api/the-last-one")
    await asyncio.to_thread(_logged, envoy, "the-last-one")
    log = await asyncio.to_thread(envoy.read_text)
    assert not [token for token in tokens if token in log or token.rpartition(".")[2] in log]


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_browser_is_shown_an_error_as_a_page_and_a_program_as_a_problem(call: aiohttp.ClientSession) -> None:
    page = await call.get("/nosuch", headers=BROWSER)
    assert (page.status, page.content_type) == (404, "text/html")
    assert "There is nothing at this address." in await page.text()
    assert "Content-Security-Policy" in page.headers
    problem = await call.get("/nosuch", headers={"Accept": "application/json"})
    assert (problem.status, problem.content_type) == (404, "application/problem+json")


async def test_a_page_that_does_not_come_is_given_up_soon_and_an_answer_that_waits_is_not(
    call: aiohttp.ClientSession,
) -> None:
    page = await call.get("/tasks/x?wait=6", headers={**BROWSER, **_bearer(_token())})
    assert (page.status, page.content_type, page.headers["Retry-After"]) == (504, "text/html", "2")
    assert (await call.post("/tasks/api/x?wait=3", headers=_bearer(_token()))).status == 200


async def test_who_asks_too_often_is_stopped_and_others_at_other_addresses_are_not(call: aiohttp.ClientSession) -> None:
    async def log_in(address: str) -> int:
        # With one trusted proxy, the one before the last is whom that proxy saw.
        headers = {"X-Forwarded-For": f"203.0.113.250, {address}"}
        return (await call.post("/auth/api/login", json={}, headers=headers)).status

    statuses = [await asyncio.gather(*(log_in("203.0.113.9") for _ in range(40))) for _ in range(3)]
    assert 429 in [status for many in statuses for status in many]
    assert await log_in("203.0.113.10") == 200


async def test_a_connection_that_somebody_broke_is_not_handed_to_anybody_else(
    addresses: dict[str, int], call: aiohttp.ClientSession, front_ends: dict[str, web.AppRunner]
) -> None:
    await front_ends["topics"].cleanup()

    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers once and goes, as a server does that cannot tell where the next request would begin."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(closes, "127.0.0.1", addresses["web.topics"]):
        statuses = [(await call.post("/topics/api/x", headers=_bearer(_token()))).status for _ in range(60)]
    assert set(statuses) == {200}


async def test_a_body_in_an_encoding_that_nobody_reads_is_refused_at_the_gateway(call: aiohttp.ClientSession) -> None:
    for encoding, status in (("br", 415), ("zstd", 415), ("identity", 200)):
        headers = {**_bearer(_token()), "Content-Encoding": encoding}
        answer = await call.post("/tasks/api/x", data=b"x", headers=headers)
        assert answer.status == status, encoding


async def test_envoys_own_interface_is_a_socket_of_this_user_and_shows_readiness_and_metrics_only(
    call: aiohttp.ClientSession, addresses: dict[str, int], envoy: Path
) -> None:
    inside = f"http://127.0.0.1:{addresses['gateway.admin']}"
    async with aiohttp.ClientSession() as anybody:
        assert (await anybody.get(f"{inside}/ready")).status == 200
        assert "envoy_cluster" in await (await anybody.get(f"{inside}/stats/prometheus")).text()
        for path in ("/", "/quitquitquit", "/config_dump", "/logging", "/ready/../quitquitquit", "/stats"):
            assert (await anybody.post(f"{inside}{path}")).status == 404
            assert (await anybody.get(f"{inside}{path}")).status == 404
    own = (envoy.parent / "admin.sock").stat()
    assert (stat.S_ISSOCK(own.st_mode), own.st_mode & 0o077) == (True, 0)
    assert (await call.get("/tasks/livez")).status == 200, "it still runs"

"""The gateway as the outside sees it: a real Envoy, the real template, front ends that tell what reached them."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ates.embedded import gateway, ports, probes

SERVICE = web.AppKey("service", str)
KEY, OTHER_KEY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def _token(key: Ed25519PrivateKey = KEY, **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": "ates", "aud": "ates", "sub": "popug-1", "iat": now, "exp": now + 300} | changes
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "k1"})


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _jwks(_request: web.Request) -> web.Response:
    x = base64.urlsafe_b64encode(KEY.public_key().public_bytes_raw()).decode().rstrip("=")
    return web.json_response({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "k1", "x": x}]})


async def _echo(request: web.Request) -> web.Response:
    body = await request.read()
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
    gateway.write(folder / "envoy.yaml", gateway.embedded(addresses))
    with (folder / "envoy.log").open("wb") as log:
        process = subprocess.Popen(gateway.command(folder / "envoy.yaml"), stdout=log, stderr=subprocess.STDOUT)
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
    assert (await call.get("/tasks/api/things", cookies={"ates_access": _token()})).status == 200


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


@pytest.mark.parametrize("path", ["login", "refresh", "logout"])
async def test_logging_in_needs_no_token(call: aiohttp.ClientSession, path: str) -> None:
    assert (await call.post(f"/auth/api/{path}", json={})).status == 200


@pytest.mark.parametrize("path", ["/tasks/", "/auth/login", "/tasks/static/app.css", "/tasks/livez", "/tasks/readyz"])
async def test_pages_are_reached_without_a_token_and_decide_themselves(call: aiohttp.ClientSession, path: str) -> None:
    assert (await call.get(path)).status == 200
    assert (await call.get(path, cookies={"ates_access": _token(exp=1)})).status == 200


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
    assert headers["Referrer-Policy"] == "same-origin"
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

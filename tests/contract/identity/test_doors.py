"""Guessing, tricked browsers and made-up identities, at the gateway and at each service reached directly."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from company import PROBES, SERVICES, Answer, Company

from ates.platform.cookies import names

pytestmark = pytest.mark.stack
WRONG = "a guess"
GUESSES = 10  # as many as one address may have wrong for one login


async def _guess(company: Company, login: str, password: str = WRONG, address: str = "") -> Answer:
    """At auth itself, where the test can say which address the gateway saw; at the gateway without one."""
    where: dict[str, Any] = {"at": "auth", "headers": {"X-Forwarded-For": address}} if address else {}
    return await company.ask("POST", "/auth/api/login", json={"login": login, "password": password}, **where)


def _told(answer: Answer) -> tuple[int, dict[str, Any]]:
    """All that somebody learns from a refusal, but for what names this very request."""
    body = json.loads(answer.text)
    return answer.status, {name: value for name, value in body.items() if name != "request_id"}


async def test_fault_22_guessing_is_stopped_the_owner_elsewhere_is_not_and_nobody_learns_which_logins_exist(
    company: Company,
) -> None:
    popug = await company.hire("accountant")
    unknown = f"nobody-{uuid.uuid4().hex[:10]}"
    address = "192.0.2.1"
    known_told = [_told(await _guess(company, popug.login, address=address)) for _ in range(GUESSES + 1)]
    unknown_told = [_told(await _guess(company, unknown, address=address)) for _ in range(GUESSES + 1)]
    assert [status for status, _ in known_told] == [401] * GUESSES + [429]
    assert known_told[:GUESSES] == unknown_told[:GUESSES]
    assert (unknown_told[-1][0], unknown_told[-1][1]["code"]) == (429, "too_many_attempts")
    refused = await _guess(company, popug.login, popug.password, address)
    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60  # it ends by itself, soon
    assert (await _guess(company, popug.login, popug.password, "192.0.2.2")).status == 200
    assert (await _guess(company, popug.login, popug.password)).status == 200


async def test_fault_22_who_guesses_through_the_gateway_cannot_claim_other_addresses(company: Company) -> None:
    login = f"nobody-{uuid.uuid4().hex[:10]}"
    statuses = []
    for n in range(GUESSES + 1):
        answer = await company.ask(
            "POST",
            "/auth/api/login",
            json={"login": login, "password": WRONG},
            headers={"X-Forwarded-For": f"198.51.100.{n}"},
        )
        statuses.append(answer.status)
    assert statuses[-1] == 429


# A form of each service that its cookie could send.
FORMS = {"auth": "/auth/profile/log-out-everywhere", "tasks": "/tasks/new"}


@pytest.mark.parametrize("service", FORMS)
async def test_fault_23_a_form_needs_its_token_and_our_own_page_at_every_door(company: Company, service: str) -> None:
    popug = await company.hire("admin")
    cookies = {names(company.gateway).access: popug.token}
    csrf = popug.session["csrf_token"]
    foreign = [{"Origin": "https://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
    for at in ("", service):
        for headers in ({}, {"X-CSRF-Token": "made.up"}, *({"X-CSRF-Token": csrf, **origin} for origin in foreign)):
            answer = await company.ask("POST", FORMS[service], at=at, cookies=cookies, headers=headers)
            assert (at, headers, answer.status) == (at, headers, 403)
    good = await company.ask(
        "POST", FORMS[service], cookies=cookies, data={"csrf": csrf}, headers={"Origin": company.gateway}
    )
    assert good.status not in (401, 403)


async def test_fault_23_the_api_takes_no_cookie_without_the_token_either(company: Company) -> None:
    popug = await company.hire("admin")
    for at in ("", "tasks"):
        answer = await company.ask(
            "POST", "/tasks/api/assign", at=at, cookies={names(company.gateway).access: popug.token}, json={}
        )
        assert (answer.status, answer.code) == (403, "csrf_failed")


_NAMES = (
    "X-Ates-Account X-Ates-Role X-Forwarded-User X-Forwarded-Email X-Auth-Request-User X-JWT-Payload X-User X-User-Id"
)
SPOOFED = dict.fromkeys(_NAMES.split(), "admin")


async def test_fault_23_made_up_identity_headers_make_nobody_somebody(company: Company) -> None:
    worker = await company.hire("worker")
    for service in SERVICES:
        for at in ("", service):
            stranger = await company.ask("GET", PROBES[service], at=at, headers=SPOOFED)
            assert (stranger.status, stranger.code) == (401, "unauthorized")
            plain = await company.ask("GET", PROBES[service], at=at, token=worker.token)
            spoofed = await company.ask("GET", PROBES[service], at=at, token=worker.token, headers=SPOOFED)
            assert spoofed.status == plain.status
    assert plain.status == 403


async def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(company: Company) -> None:
    body = {"login": company.admin.login, "password": company.admin.password}
    cookies = (await company.ask("POST", "/auth/api/login", json=body)).headers.getall("Set-Cookie")
    assert len(cookies) == 3  # two tokens, and what the browser is known by
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)


async def test_no_page_of_ours_has_anything_inline_that_its_policy_would_forbid(company: Company) -> None:
    for path in (
        "/auth/login",
        "/auth/profile",
        "/auth/accounts",
        "/tasks/",
        "/accounting/",
        "/analytics/",
        "/topics/",
    ):
        answer = await company.ask("GET", path, cookies={names(company.gateway).access: company.admin.token})
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status == 200 or path == "/auth/login"
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=", answer.text), path

"""No input breaks anything: Schemathesis on every openapi.json, and hostile bytes wherever a request has room for some.

Schemathesis: no 5xx, no undocumented status, no answer of another shape. Hostile requests: no 5xx, no stack trace.

On a stack of its own: what is made up here closes days and makes accounts. `ATES_FUZZ_EXAMPLES` asks more of it.
"""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from attack.run import attack
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.stack

SERVICES = ("auth", "tasks", "accounting", "analytics", "topics")
HOSTILE = 2000  # requests; `make attack` sends a hundred thousand
EXAMPLES = int(os.environ.get("ATES_FUZZ_EXAMPLES", "4"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# It has no end; and these would end the session that all the others go on with.
LEFT_OUT = {"GET /topics/api/topics/{topic}/tail"}


@pytest.fixture(scope="module")
def addresses(own_stack: Any) -> dict[str, str]:
    """Service -> its own address, where the document is."""
    return {one["name"].removeprefix("web."): one["url"] for one in own_stack.status()["services"] if "url" in one}


def token(stack: Any) -> str:
    body = {"login": "admin", "password": stack.password("admin")}
    return str(httpx.post(f"{stack.gateway}/auth/api/login", json=body, timeout=30).json()["access_token"])


@pytest.mark.parametrize("service", SERVICES)
def test_whatever_is_sent_is_answered_as_documented(own_stack: Any, addresses: dict[str, str], service: str) -> None:
    with urllib.request.urlopen(f"{addresses[service]}/{service}/openapi.json", timeout=30) as answer:  # noqa: S310
        document = json.load(answer)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=own_stack.gateway)
    bearer = {"Authorization": f"Bearer {token(own_stack)}"}
    wrong: list[str] = []
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.label in LEFT_OUT:
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @schemathesis_given(operation)
        def fuzz(case: Any) -> None:
            nonlocal tried
            tried += 1
            response = case.call(headers=bearer)
            case.validate_response(response, checks=CHECKS)

        try:
            fuzz()
        except Exception as error:
            wrong.append(f"{operation.label}: {error}")
    assert not wrong, "\n\n".join(wrong)
    assert tried >= EXAMPLES


def schemathesis_given(operation: Any) -> Any:
    """Cases for one operation: good ones and bad ones."""
    from hypothesis import given
    from schemathesis.generation import GenerationMode

    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    return given(case=modes[0] | modes[1])


def test_no_request_breaks_anything(own_stack: Any) -> None:
    found = attack(own_stack.said, own_stack.password("admin"), HOSTILE)
    assert not found.wrong, "\n".join(found.wrong[:20])
    assert sum(found.statuses.values()) == HOSTILE
    assert found.statuses[200] > HOSTILE / 20


@pytest.mark.parametrize("path", ["tasks/api/tasks", "tasks/api/assign", "accounting/api/days/2026-11-20/close"])
def test_a_key_that_is_not_text_is_refused_by_name(own_stack: Any, path: str) -> None:
    answer = raw(own_stack, "POST", f"/{path}", b"Idempotency-Key: \xff", b'{"title": "Count the feathers"}')
    assert answer.startswith(b"HTTP/1.1 422")
    assert b'"field": "Idempotency-Key"' in answer


@pytest.mark.parametrize("length", [9_000, 20_000])
def test_a_long_header_is_ours_to_judge(own_stack: Any, length: int) -> None:
    for name, status in ((b"Idempotency-Key", b"422"), (b"User-Agent", b"201")):
        answer = raw(own_stack, "POST", "/tasks/api/tasks", name + b": " + b"k" * length, b'{"title": "Preen", "x": 1}')
        assert answer.startswith(b"HTTP/1.1 " + status) or b'"nobody_eligible"' in answer
        assert b"kkk" not in answer


@pytest.mark.parametrize("path", ["topics/api/topics/tasks.events/records", "topics/tasks.events",
                                  "topics/tasks.events/download", "topics/api/topics/tasks.events/tail"])  # fmt: skip
def test_a_time_that_no_calendar_has_is_refused(own_stack: Any, path: str) -> None:
    assert raw(own_stack, "GET", f"/{path}?from=-999999d").startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize(("encoding", "status"), [("gzip", b"400"), ("deflate", b"400"), ("br", b"415"), ("x", b"415")])
def test_a_broken_body_harms_nobody_else(own_stack: Any, encoding: str, status: bytes) -> None:
    for _ in range(4):
        broken = raw(
            own_stack, "POST", "/auth/api/login", f"Content-Encoding: {encoding}".encode(), b"broken", known=False
        )
        assert broken.startswith(b"HTTP/1.1 " + status)
        assert raw(own_stack, "GET", "/auth/login", known=False).startswith(b"HTTP/1.1 200")


def raw(
    stack: Any, method: str, path: str, header: bytes = b"X-Nothing: 1", body: bytes = b"", known: bool = True
) -> bytes:
    """The whole answer, head and all."""
    parts = urlsplit(stack.gateway)
    bearer = f"Authorization: Bearer {token(stack)}\r\n" if known else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n{bearer}"
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60) as connection:
        connection.sendall((head + length).encode() + header + b"\r\n\r\n" + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))

"""Schemathesis on every openapi.json: no 5xx, no undocumented status, no answer of another shape.

On a stack of its own: what is made up here closes days and makes accounts. `ATES_FUZZ_EXAMPLES` asks more of it.
"""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.stack

SERVICES = ("auth", "tasks", "accounting", "analytics", "topics")
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

"""Every route for every role and for strangers, at the running services, against the tables of docs/roles.md."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from company import Answer, Company, Popug

from ates.domain.accounts.permissions import ROLES, allowed
from ates.platform.settings import Settings
from ates.web.accounting.app import create_app as accounting_app
from ates.web.analytics.app import create_app as analytics_app
from ates.web.auth.app import create_app as auth_app
from ates.web.kit.identity.security import action_of, is_public
from ates.web.tasks.app import create_app as tasks_app
from ates.web.topics.app import create_app as topics_app

APPS = {
    "auth": auth_app,
    "tasks": tasks_app,
    "accounting": accounting_app,
    "analytics": analytics_app,
    "topics": topics_app,
}
PAGE = (Path(__file__).parents[3] / "docs" / "roles.md").read_text(encoding="utf-8")
# Open to the inside, without a token: what supervisors ask.
HEALTH = ("livez", "readyz", "metrics", "openapi.json")
ANYONE, LOGGED_IN = "anyone", "anyone logged in"


def documented() -> dict[tuple[str, str], str]:
    """(method, path) -> the action that docs/roles.md says it takes, or one of the two above."""
    rows = re.findall(r"^\| `([A-Z]+)` `([^`]+)` \| `?([^`|]+?)`? \|$", PAGE, re.MULTILINE)
    return {(method, path): action for method, path, action in rows}


def served(tmp_path: Path) -> dict[tuple[str, str], str]:
    """The same as the services' own routers say."""
    settings = Settings(
        kafka="x:1",
        registry="http://x",
        postgres="postgresql://x",
        query_postgres="postgresql://x",
        csrf_secret="x",
        jwks="http://x",
        keys=str(tmp_path),
    )
    routes = [route for create in APPS.values() for route in create(settings).router.routes()]
    return {
        (route.method, re.sub(r"{(\w+):[^/]*}}?", r"{\1}", route.resource.canonical)): _needs(route.handler)
        for route in routes
        if route.resource and route.method != "HEAD" and not route.resource.canonical.endswith(HEALTH)
        if "/static/" not in route.resource.canonical + "/"
    }


def _needs(handler: object) -> str:
    return ANYONE if is_public(handler) else action_of(handler) or LOGGED_IN


def test_docs_roles_lists_every_route_with_the_action_it_takes(tmp_path: Path) -> None:
    assert documented() == served(tmp_path)


def _refused(answer: Answer, role: str) -> bool:
    """Whether the role was the reason: pages say it in words, the API by its code."""
    return answer.status == 403 and (answer.code == "forbidden" or f"Your role, {role}, does not allow" in answer.text)


async def _call(company: Company, method: str, path: str, popug: Popug | None) -> Answer:
    """A call that can do nothing: ids of nothing, an empty body."""
    concrete = path.replace("{day}", "no-day").replace("{id}", str(uuid.uuid4()))
    concrete = re.sub(r"{\w+}", "nothing", concrete)
    body: dict[str, Any] = {} if method == "GET" else {"json": {}}
    first = path.split("/")[1]
    service = "topics" if first == "lab" else first
    return await company.ask(method, concrete, at=service, token=popug.token if popug else "", **body)


@pytest.mark.stack
@pytest.mark.parametrize("role", ROLES)
async def test_fault_24_every_route_lets_in_the_roles_of_the_table_and_no_other(company: Company, role: str) -> None:
    popug = await company.hire(role)
    wrong = []
    for (method, path), action in documented().items():
        answer = await _call(company, method, path, popug)
        may = action in (ANYONE, LOGGED_IN) or allowed(role, action)
        if _refused(answer, role) is may or (may and answer.status in (401, 500)):
            wrong.append((method, path, action, answer.status))
        if path.endswith(("logout", "log-out-everywhere", "login")):
            await company.log_in(popug)
    # Logging in with nothing is refused, whoever one is; so is refreshing without the cookie.
    assert [entry for entry in wrong if entry[2] != ANYONE] == []


@pytest.mark.stack
async def test_fault_24_strangers_get_in_nowhere_but_at_the_public_pages(company: Company) -> None:
    wrong = []
    for (method, path), action in documented().items():
        answer = await _call(company, method, path, None)
        api = "/api/" in path
        expected = 401 if api else {"GET": 303}.get(method, 307)
        if action != ANYONE and answer.status != expected:
            wrong.append((method, path, answer.status))
        if action != ANYONE and not api:
            assert answer.headers["Location"].startswith(("/auth/refresh?", "/auth/resume?"))
    assert wrong == []


@pytest.mark.stack
async def test_fault_24_a_worker_is_kept_from_other_peoples_money_and_from_what_bosses_do(company: Company) -> None:
    worker, other = await company.hire("worker"), await company.hire("manager")
    for method, path in (
        ("GET", f"/accounting/api/balance?account={other.id}"),
        ("GET", f"/accounting/api/entries?account={other.id}"),
        ("GET", f"/accounting/api/payouts?account={other.id}"),
        ("GET", "/accounting/api/earnings"),
        ("GET", "/analytics/api/summary"),
        ("GET", "/analytics/"),
        ("GET", "/topics/"),
        ("GET", "/topics/api/topics"),
        ("POST", "/tasks/api/assign"),
    ):
        for at in ("", path.split("/")[1]):
            answer = await company.ask(
                method, path, at=at, token=worker.token, **({"json": {}} if method == "POST" else {})
            )
            assert (path, answer.status) == (path, 403)
    somebody_elses = await company.ask("GET", f"/tasks/api/commands/{uuid.uuid4()}", token=worker.token)
    assert somebody_elses.status in (200, 404)

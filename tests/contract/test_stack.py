"""The whole stack as `ates up` leaves it: ready, reachable through the gateway, within its bounds."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from ates.embedded.datadir import DataDirectory
from ates.platform import settings
from ates.platform.cookies import names

pytestmark = pytest.mark.stack

PROCESSES = {
    "kafka": "broker",
    "registry": "registry",
    "postgres": "database",
    "gateway": "gateway",
    "inbox": "mail",
    "relay": "relay",
    **{f"worker.{name}": "worker" for name in ("tasks", "accounting", "analytics", "payouts", "outcomes", "views")},
    **{f"web.{name}": "web" for name in ("auth", "tasks", "accounting", "analytics", "topics")},
}


def get(url: str, headers: dict[str, str] | None = None, body: Any = None) -> tuple[int, Any]:
    """Status and body, decoded when it is JSON."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data, sent)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            status, content, kind = answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        status, content, kind = error.code, error.read(), error.headers["Content-Type"]
    return status, json.loads(content) if "json" in (kind or "") else content.decode()


def within(seconds: float, what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.3)
    return False


@pytest.fixture
def token(stack: Any) -> str:
    body = {"login": "admin", "password": stack.password("admin")}
    status, answer = get(f"{stack.gateway}/auth/api/login", body=body)
    assert status == 200, answer
    return str(answer["access_token"])


def test_up_and_status_say_the_same_and_everything_is_ready(stack: Any) -> None:
    found = stack.status()
    assert {name: found[name] for name in found if name != "services"}.items() <= stack.said.items()
    services = {service["name"]: service for service in found["services"]}
    assert {name: service["kind"] for name, service in services.items()} == PROCESSES
    for name, service in services.items():
        assert service["ready"], f"{name}: {service['reason']}"
        assert service["reason"] == ""
        assert psutil.pid_exists(service["pid"])
        assert ("url" in service) == (service["kind"] == "web")


def test_the_addresses_have_the_shape_that_scripts_rely_on(stack: Any) -> None:
    host, port = stack.said["kafka"].split(":")
    assert (host, port.isdigit()) == ("127.0.0.1", True)
    assert get(stack.said["registry"] + "/subjects")[0] == 200
    assert urlsplit(stack.said["postgres"]).scheme == "postgresql"
    assert stack.said["data_dir"] == str(stack.data)
    assert all(set(login) == {"login", "password", "role"} for login in stack.said["logins"])


def test_the_printed_login_opens_every_front_end_by_header_and_by_cookie(stack: Any, token: str) -> None:
    for path in (
        "/auth/api/accounts",
        "/tasks/api/tasks",
        "/accounting/api/balance",
        "/analytics/api/summary",
        "/topics/api/topics",
    ):
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"{names(stack.gateway).access}={token}"}):
            status, answer = get(stack.gateway + path, headers)
            assert status == 200, (path, answer)
        status, problem = get(stack.gateway + path)
        assert (status, problem["code"]) == (401, "unauthorized")


def test_a_tampered_token_opens_nothing(stack: Any, token: str) -> None:
    head, body, signature = token.split(".")
    forged = f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    status, problem = get(f"{stack.gateway}/tasks/api/tasks", {"Authorization": f"Bearer {forged}"})
    assert (status, problem["code"]) == (401, "unauthorized")


def test_liveness_is_seen_through_the_gateway_and_the_insides_are_not(stack: Any) -> None:
    for service in ("auth", "tasks", "accounting", "analytics", "topics"):
        assert get(f"{stack.gateway}/{service}/livez")[0] == 200
        assert get(f"{stack.gateway}/{service}/readyz")[0] == 200
        assert get(f"{stack.gateway}/{service}/metrics")[0] == 404
        assert get(f"{stack.gateway}/{service}/openapi.json")[0] == 404


def test_a_command_beside_the_stack_finds_it(stack: Any) -> None:
    found = settings.load("web.tasks", {"ATES_DATA": str(stack.data)})
    assert found.kafka == stack.said["kafka"]
    assert urlsplit(found.postgres).username == "ates_tasks"


def test_mail_ends_in_the_inbox(stack: Any) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ates@example.org", "rio@example.org", "Výplata"
    mail.set_content("Rio, 12,50 na cestě.")
    host, port = settings.load("", {"ATES_DATA": str(stack.data)}).smtp.split(":")
    with smtplib.SMTP(host, int(port)) as server:
        server.send_message(mail)
    [found] = get(f"{stack.said['smtp_inbox']}/api/mails?to=rio@example.org")[1]["items"]
    assert (found["subject"], found["sender"], found["text"].strip()) == (
        "Výplata",
        "ates@example.org",
        "Rio, 12,50 na cestě.",
    )
    assert "Výplata" in get(stack.said["smtp_inbox"])[1]


@pytest.mark.parametrize("name", ["web.tasks", "worker.accounting", "relay", "gateway", "inbox"])
def test_a_killed_process_comes_back_ready(stack: Any, name: str) -> None:
    def now() -> dict[str, Any]:
        return next(service for service in stack.status()["services"] if service["name"] == name)

    killed = now()["pid"]
    os.kill(killed, signal.SIGKILL)
    assert within(60, lambda: (found := now())["ready"] and found["pid"] != killed)


def test_the_stack_says_that_it_is_ready_as_a_whole(stack: Any) -> None:
    assert stack.status()["ready"] is True
    assert "everything is ready" in stack.ates("status").stdout


def test_no_secret_stands_in_a_command_line(stack: Any) -> None:
    data = DataDirectory(stack.data)
    secrets = {*data.kept()["secrets"].values(), *(login["password"] for login in data.logins())}
    supervisor = psutil.Process(data.running()["supervisor"]["pid"])
    for member in [supervisor, *supervisor.children(recursive=True)]:
        assert not [secret for secret in secrets if secret in " ".join(member.cmdline())], member


def test_the_whole_stack_fits_into_two_gibibytes(stack: Any) -> None:
    supervisor = psutil.Process(DataDirectory(stack.data).running()["supervisor"]["pid"])
    members = [supervisor, *supervisor.children(recursive=True)]
    # Proportional: what processes share, such as Postgres' buffers and the libraries, is counted once.
    assert sum(member.memory_full_info().pss for member in members) < 2 * 1024**3

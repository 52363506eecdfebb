"""`ates topics`, as people and scripts use it; and that nobody who looks leaves a trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from gateway_to_topics import Gateway

from ates.platform.settings import Settings
from ates.tools.topics.cluster import Cluster

pytestmark = pytest.mark.stack

Ates = Callable[..., Any]


def test_every_topic_is_listed_on_a_line_of_json(ates: Ates) -> None:
    lines = ates("topics", "list", "-o", "json").stdout.splitlines()
    assert "auth.accounts" in {json.loads(line)["topic"] for line in lines}
    assert "auth.accounts" in ates("topics", "list").stdout


def test_a_topic_is_described_with_its_records_and_readers(ates: Ates) -> None:
    said = ates("topics", "describe", "auth.accounts").stdout
    assert "ates.accounts.AccountCreated" in said
    assert "group tasks:" in said
    facts = json.loads(ates("topics", "describe", "auth.accounts", "-o", "json").stdout)
    assert facts["key"] == "account_id"
    assert len(facts["partitions"]) == 4


def test_records_are_found_by_key_field_header_and_text(ates: Ates) -> None:
    def tail(*options: str) -> list[Any]:
        out = ates("topics", "tail", "auth.accounts", "--from", "beginning", "-o", "json", *options).stdout
        return [json.loads(line) for line in out.splitlines()]

    everything = tail()
    admin, *_ = tail("--where", "login=admin", "--where", "ce_type=ates.accounts.AccountCreated")
    assert admin["value"]["login"] == "admin"
    assert tail("--key", admin["key"], "--limit", "1") == [admin]
    assert admin in tail("--grep", admin["headers"]["ce_id"])
    assert (
        tail("--partition", str(admin["partition"]), "--limit", "2")
        == [one for one in everything if one["partition"] == admin["partition"]][:2]
    )
    assert tail("--where", "login=nobody") == []
    raw = ates("topics", "tail", "auth.accounts", "--key", admin["key"], "--limit", "1", "-o", "raw").stdout
    assert "\x00admin" in raw or "admin" in raw


def test_a_changelog_is_read_like_any_topic(ates: Ates) -> None:
    out = ates("topics", "tail", "tasks-counters-changelog", "--key", "\\x00position", "-o", "json", "--limit", "3")
    assert all(json.loads(line)["kind"] == "json" for line in out.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["tail", "task.events"], 1, "Kafka has no topic task.events; did you mean tasks.events"),
        (["tail", "tasks.events", "--partition", "44"], 1, "tasks.events has no partition 44; it has 0 to 3"),
        (["tail", "tasks.events", "--from", "99999999"], 1, "tasks.events has no offset 99999999"),
        (["tail", "tasks.events", "--from", "soon"], 2, "'soon' is no place to begin at: give beginning, end"),
        (["tail", "tasks.events", "--where", "x"], 2, "'x' is not FIELD=VALUE"),
        (["tail", "tasks.events", "--limit", "0"], 2, "0 is not in the range"),
        (["describe", "task.events"], 1, "did you mean tasks.events"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(ates: Ates, arguments: list[str], code: int, said: str) -> None:
    done = ates("topics", *arguments, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr.splitlines()[-1]


def test_following_shows_what_comes_and_ends_well_at_ctrl_c(stack: Any, gateway: Gateway) -> None:
    command = [sys.executable, "-m", "ates", "topics", "tail"]
    following = subprocess.Popen(
        [*command, "auth.sessions", "--from", "end", "--limit", "1", "--follow", "-o", "json"],
        env=stack.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while following.poll() is None:  # somebody logs out, until the tail stands and sees it
        login = {"login": "admin", "password": stack.password("admin")}
        token = gateway.client.post("/auth/api/login", json=login).json()["access_token"]
        gateway.client.post("/auth/api/logout", headers={"Authorization": f"Bearer {token}"})
        try:
            following.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
    out, err = following.communicate()
    assert (following.returncode, err) == (0, "")
    assert json.loads(out)["headers"]["ce_type"] == "ates.accounts.SessionRevoked"

    endless = subprocess.Popen(
        [*command, "auth.accounts", "--from", "beginning", "--follow"],
        env=stack.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever starts the tests in the background lets their children ignore it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (it takes no lock)
    )
    assert endless.stdout is not None
    endless.stdout.readline()
    os.kill(endless.pid, signal.SIGINT)
    endless.communicate(timeout=20)
    assert endless.returncode == 0


def test_looking_never_moves_an_offset_nor_joins_a_group(ates: Ates, gateway: Gateway, settings: Settings) -> None:
    cluster = Cluster(settings)

    def held() -> dict[str, dict[Any, int]]:
        of_auth = {g: cluster.committed(g) for g in cluster.groups()}
        return {g: {at: o for at, o in found.items() if at[0] == "auth.accounts"} for g, found in of_auth.items()}

    before = held()
    for _ in range(3):
        ates("topics", "tail", "auth.accounts", "--from", "beginning")
        assert gateway.get("/topics/auth.accounts", grep="admin").status_code == 200
        assert gateway.get("/topics/api/topics/auth.accounts/records").status_code == 200
        assert gateway.get("/topics/auth.accounts/download").status_code == 200
    after = held()
    assert set(after) == set(before)
    assert after == before or all(after[g].items() >= before[g].items() for g in before if g != "views")

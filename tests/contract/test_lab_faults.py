"""The lab of a demo: each fault once, short, and everything green in the end; three times and full in `make lab`."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest

from ates.tools.lab.catalogue import EXPERIMENTS
from ates.tools.lab.control import SOCKET

pytestmark = pytest.mark.stack

SECONDS = "2"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_fault_ends_in_green(demo_stack: Any, name: str) -> None:
    done = demo_stack.ates("lab", "run", name, "--seconds", SECONDS, "--json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert (said["held"], said["audit_ok"], said["waiting"]) == (True, True, 0)
    assert said["dead_letters"] == EXPERIMENTS[name].dead_letters
    assert said["acknowledged"] > 0
    assert _events(demo_stack)[said["experiment_id"]]["outcome"] == "held"


def test_a_process_that_an_experiment_is_not_for_is_named(demo_stack: Any) -> None:
    refused = demo_stack.ates("lab", "run", "kill-worker", "--target", "web.auth", check=False)
    assert (refused.returncode, refused.stderr) == (1, "ates: kill-worker is not for 'web.auth'\n")


def test_the_socket_is_for_its_owner_alone(demo_stack: Any) -> None:
    assert stat.S_IMODE((demo_stack.data / SOCKET).stat().st_mode) == 0o600


def test_popugs_work_until_they_are_stopped(demo_stack: Any) -> None:
    done = demo_stack.ates("demo", "run", "--per-minute", "600", "--minutes", "0.05", "--json")
    said = json.loads(done.stdout)
    assert said["created"] > 0
    assert "popugs at work, 600 commands a minute" in done.stderr


def _events(stack: Any) -> dict[str, Any]:
    said = stack.ates("topics", "tail", "lab.events", "--from", "beginning", "--json").stdout
    return {record["key"]: record["value"] for record in map(json.loads, said.splitlines())}

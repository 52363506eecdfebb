"""What all tests share: a whole stack, started once for the session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import home

home.move()  # before anything asks where it is

import pytest  # noqa: E402
import pytest_asyncio  # noqa: E402
from chaos.client import Company, connect, found  # noqa: E402


@dataclass(frozen=True)
class Stack:
    """A running stack: what `ates up --json` said of it."""

    data: Path
    said: dict[str, Any]

    @property
    def gateway(self) -> str:
        return str(self.said["gateway"])

    @property
    def environ(self) -> dict[str, str]:
        """Environment of a command or process beside this stack."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ATES_")}
        return {**clean, "ATES_DATA": str(self.data)}

    def password(self, login: str) -> str:
        return next(str(entry["password"]) for entry in self.said["logins"] if entry["login"] == login)

    def ates(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an `ates` command against this stack."""
        return run_ates(*arguments, environ=self.environ, check=check)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ates("status", "--json").stdout)
        return found


def run_ates(
    *arguments: str, environ: dict[str, str], check: bool = True, seconds: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run `ates` to its end; what it said is shown when it fails."""
    command = [sys.executable, "-m", "ates", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=seconds)
    if check and done.returncode:
        pytest.fail(
            f"ates {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright keeps an event loop running in this thread until its session ends."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything that `ates up --empty` starts; only the admin has an account.

    ATES_TEST_DATA names the data directory of a stack that runs already: it is used, and left running.
    """
    yield from _running(os.environ.get("ATES_TEST_DATA"), tmp_path_factory, "--empty")


@pytest.fixture(scope="session")
def demo_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The same with the demo company: its four logins, and a month of history."""
    yield from _running(None, tmp_path_factory, "--demo")


@pytest.fixture(scope="session")
def stack_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., AbstractContextManager[Stack]]:
    """Makes an empty stack of one's own, under the given `ATES_` variables."""
    return lambda **variables: contextmanager(_running)(None, tmp_path_factory, "--empty", **variables)


@pytest.fixture(scope="module")
def spoilt_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One more of these, for a module that leaves it in a state that nobody else should find."""
    yield from _running(None, tmp_path_factory, "--demo")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Kafka, registry and Postgres, and nobody who would write to them."""
    yield from _running(None, tmp_path_factory, "--base")


@pytest.fixture(scope="module")
def own_stack(stack_with: Callable[..., AbstractContextManager[Stack]]) -> Iterator[Stack]:
    """An empty stack of a test module's own: for what the session's should not go through."""
    with stack_with() as stack:
        yield stack


def _running(
    given: str | None, tmp_path_factory: pytest.TempPathFactory, history: str, **variables: str
) -> Iterator[Stack]:
    data = Path(given) if given else tmp_path_factory.mktemp("stack") / "data"
    stack = Stack(data, {})
    options = [] if given else ["--port", "0", history]
    done = run_ates("up", "--detach", "--json", *options, environ={**stack.environ, **variables})
    try:
        yield Stack(data, json.loads(done.stdout.splitlines()[-1]))
    finally:
        if not given:
            stack.ates("down")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def company(stack: Stack) -> AsyncIterator[Company]:
    """People of every role at that stack's gateway. For tests marked `asyncio(loop_scope="session")`."""
    async with connect(stack.gateway) as http:
        yield await found(http, "admin", stack.password("admin"))

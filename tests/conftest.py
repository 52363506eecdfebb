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
from hypothesis import HealthCheck, settings  # noqa: E402

# How long an example takes says what else the machine does, and nothing about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

HERE = Path(__file__).parent
# The data directory of a stack that runs already.
GIVEN = os.environ.get("ATES_TEST_DATA")
RUNNING: list[Stack] = []


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


# The groups of tests that share a stack which lasts for the session, in the order in which they are dealt out.
SHARING = ("stack", "company", "demo")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group the tests for several processes (`make test`): what shares a stack runs in one of them, after each other.

    Every other module is a group. Groups with a stack are dealt out first: they take longest. Tests in a browser come
    last: they leave people behind to whom tasks would be dealt.
    """
    distributed = hasattr(config, "workerinput")
    order = {}
    for item in items:
        turn, group = _group(item)
        item.add_marker(pytest.mark.xdist_group(group))
        order[item] = ((turn, group) if distributed else (), item.get_closest_marker("browser") is not None)
    items.sort(key=order.__getitem__)


class Loud:
    """Names each failure at once: a run of half an hour is not to keep it until its end."""

    def __init__(self, terminal: Any) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.write_line(f"\nFAILED {report.nodeid} ({report.when})")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Only the process that prints says what failed."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if not hasattr(session.config, "workerinput") and terminal is not None:
        session.config.pluginmanager.register(Loud(terminal))


def pytest_collection_finish(session: pytest.Session) -> None:
    """A version of pytest that pytest-xdist cannot tell the groups to would start every stack in every process."""
    if hasattr(session.config, "workerinput") and session.config.option.loadgroup:
        assert all("@" in item.nodeid for item in session.items), "tests are not dealt out by groups"


def _group(item: pytest.Item) -> tuple[int, str]:
    """When its turn is, lowest first, and what it is called."""
    used = getattr(item, "fixturenames", ())
    if "demo_stack" in used:
        group = "demo"
    elif "stack" in used:
        # Two processes start the session's stack, so that half of the tests on it run beside the other half.
        halved = not GIVEN and int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1
        group = "company" if halved and "contract" not in item.path.parts else "stack"
    else:
        return len(SHARING) + (item.get_closest_marker("stack") is None), item.path.stem
    return SHARING.index(group), group


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """A stack that no test of this process will use any more is stopped: an idle one costs CPU that others need."""
    if hasattr(item.config, "workerinput") and nextitem and _group(item) != _group(nextitem):
        while RUNNING:
            RUNNING.pop().ates("down")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything that `ates up --empty` starts; only the admin has an account.

    ATES_TEST_DATA names the data directory of a stack that runs already: it is used, and left running.
    """
    yield from _running(GIVEN, tmp_path_factory, "--empty")


@pytest.fixture(scope="session")
def demo_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The same with the demo company: its four logins, and a month of history. ATES_TEST_DEMO names one that runs."""
    yield from _running(os.environ.get("ATES_TEST_DEMO"), tmp_path_factory, "--demo")


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
    if not given:
        RUNNING.append(stack)
    try:
        yield Stack(data, json.loads(done.stdout.splitlines()[-1]))
    finally:
        if stack in RUNNING:
            RUNNING.remove(stack)
            stack.ates("down")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def company(stack: Stack) -> AsyncIterator[Company]:
    """People of every role at that stack's gateway. For tests marked `asyncio(loop_scope="session")`."""
    async with connect(stack.gateway) as http:
        yield await found(http, "admin", stack.password("admin"))

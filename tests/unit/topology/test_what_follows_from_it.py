"""What is printed and generated from the topology; and how little a new worker takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ates.cli import generated
from ates.cli.main import cli
from ates.domain.errors import AtesError
from ates.topology import ORIGINS, PROCESSES, READ_MODELS, WORKERS

ROOT = Path(__file__).resolve().parents[3]


def printed(*options: str) -> str:
    done = CliRunner().invoke(cli, ["topology", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("name", [*generated.BLOCKS, generated.ASYNCAPI])
def test_a_file_that_repeats_the_topology_says_the_same(name: str) -> None:
    assert generated.current(ROOT)[name] == (ROOT / name).read_text(encoding="utf-8"), "run: ates topology --write"


def test_everything_is_in_the_text_and_in_the_picture() -> None:
    text, picture = printed(), printed("--mermaid")
    for topic in ORIGINS:
        assert f"  {topic.name} [{topic.key}]" in text
        assert f'[["{topic.name}"]]' in picture
        for record in topic.records:
            assert record.__name__ in text
            assert record.__name__ in picture
    for process in PROCESSES:
        assert process in text
        assert process in picture
    for agent in (agent for worker in WORKERS.values() for agent in worker.agents):
        assert f"agent {agent.name}" in text
        assert f'"agent {agent.name}"' in picture


def test_the_json_says_what_there_is() -> None:
    told = json.loads(printed("--json"))
    assert [topic["name"] for topic in told["topics"]] == [topic.name for topic in ORIGINS]
    assert [worker["name"] for worker in told["workers"]] == list(WORKERS)
    assert {model["name"] for model in told["read_models"]} == set(READ_MODELS)
    (pricing,) = [agent for worker in told["workers"] for agent in worker["agents"] if agent["name"] == "pricing"]
    assert pricing["tables"] == {
        "prices": "accounting-prices-changelog",
        "charges": "accounting-charges-changelog",
    }
    assert pricing["sends"] == [{"topic": "accounting.commands", "records": ["ChargeFee", "PayReward"]}]
    assert pricing["dead_letters"] == "tasks.events.dlq"


def test_outside_of_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(AtesError, match="checkout"):
        generated.write(tmp_path)


def test_a_file_without_its_marks_is_named(tmp_path: Path) -> None:
    for name in generated.BLOCKS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no marks\n")
    with pytest.raises(AtesError, match=r"architecture\.md"):
        generated.write(tmp_path)


ENTRY = """
    Worker(
        name="recount",
        description="counts the ledger a second time",
        agents=(Agent(name="recount", description="counts", source=ACCOUNTING_TRANSACTIONS, handler="analytics:handle",
                      tables="analytics", sends=(ANALYTICS_FIGURES.of(),)),),
    ),
"""
PROJECTION = """PROJECTIONS = (
    Projection(name="titles", topics=(TASKS_EVENTS,)),
"""
TITLES = '''"""Read model `titles`: the title of each task."""

from collections.abc import Sequence
from typing import Any

from ates.domain.tasks.messages import TaskCreated
from ates.projections.statements import columns
from ates.streams import Message

_INSERT = "INSERT INTO views.titles SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING"


async def project(connection: Any, messages: Sequence[Message]) -> None:
    events = [it.value for it in messages if isinstance(it.value, TaskCreated)]
    await connection.execute(_INSERT, *columns((it.task_id, it.title) for it in events))
'''
TABLE = "CREATE TABLE views.titles (task_id text PRIMARY KEY, title text NOT NULL);\n"
MODULE = '''"""Worker `recount`: counts the ledger a second time."""

from ates.workers.base import create
from ates.workers.wiring import attach

app, settings = create("recount")
attach(app, "recount")
'''


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this one with one worker more and one read model more: their entries in the topology, their files."""
    copy = tmp_path_factory.mktemp("copy") / "ates"
    left_out = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "images", "build", "node_modules")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=left_out)
    file = copy / "ates" / "topology.py"
    text = file.read_text().replace("_WORKERS = (\n", f"_WORKERS = ({ENTRY}", 1)
    file.write_text(text.replace("PROJECTIONS = (\n", PROJECTION, 1))
    (copy / "ates" / "projections" / "titles.py").write_text(TITLES)
    (copy / "ates" / "platform" / "db" / "migrations" / "9999_titles.sql").write_text(TABLE)
    (copy / "ates" / "workers" / "recount.py").write_text(MODULE)
    return copy


def run(checkout: Path, *arguments: str, **environ: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ATES_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env={**clean, "PYTHONPATH": str(checkout), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_worker_for_a_known_handler_takes_two_files(checkout: Path, tmp_path: Path) -> None:
    run(checkout, "-m", "ates", "topology", "--write")
    assert "recount" in run(checkout, "-m", "ates", "worker", "--help")
    assert "worker-recount:" in (checkout / "docker-compose.yml").read_text()
    assert "worker.recount" in (checkout / "docs" / "events.md").read_text()
    look = "from ates.workers.recount import app; print(app.conf.id, *app.agents, *app.tables)"
    empty = {"ATES_DATA": str(tmp_path), "ATES_KAFKA": "127.0.0.1:1", "ATES_REGISTRY": "http://127.0.0.1:1"}
    assert run(checkout, "-c", look, **empty).split()[:2] == ["recount", "recount"]
    checks = ("tests/unit/topology/test_topology.py", "tests/unit/embedded/test_compose.py")
    run(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", *checks, "-k", "not image and not Dockerfile")


def test_a_new_read_model_takes_three_files(checkout: Path) -> None:
    run(checkout, "-m", "ates", "topology", "--write")
    assert (
        "`views.titles`"
        in (checkout / "docs" / "events.md").read_text() + (checkout / "docs" / "domain.md").read_text()
    )
    assert "titles" in run(checkout, "-m", "ates", "views", "rebuild", "--help")
    deliver = """
import asyncio
from types import SimpleNamespace
from ates.domain.tasks.messages import TaskCreated
from ates.projections.position import BY_TOPIC
class Connection:
    async def execute(self, statement, *columns):
        if "views.titles" in statement: print(columns)
created = TaskCreated(task_id="t", version=1, author_id="a", title="Clean", description="")
for project in BY_TOPIC["tasks.events"]:
    if project.__module__.endswith("titles"):
        asyncio.run(project(Connection(), [SimpleNamespace(value=created)]))
"""
    assert run(checkout, "-c", deliver).strip() == "(['t'], ['Clean'])"

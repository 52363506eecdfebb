"""The topology is the one place that says who reads and writes what, and what it says is so."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import ates
from ates import topology
from ates.projections.position import BY_TOPIC
from ates.tables import TABLES
from ates.topology import FRONT_ENDS, ORIGINS, PROCESSES, TOPICS, WORKERS
from ates.topology_types import Agent, Topic, Worker, flows

ROOT = Path(ates.__file__).resolve().parents[1]
ONE_PLACE = ROOT / "ates" / "topology.py"
AGENTS = [(worker, agent) for worker in WORKERS.values() for agent in worker.agents]


def sources() -> Iterator[Path]:
    """Every Python file of the product, each once."""
    for folder in ("ates", "agents", "tables", "schemas", "web", "bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not any(part.is_symlink() for part in (path, *path.parents)) and path != ONE_PLACE:
                yield path


def literals(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_name_of_a_topic_stands_in_one_file() -> None:
    looked_at = list(sources())
    assert len(looked_at) > 200
    guilty = {path: found for path in looked_at if (found := TOPICS.keys() & set(literals(path)))}
    assert not guilty


def test_no_other_file_lists_the_workers() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                names = {part.value for part in node.elts if isinstance(part, ast.Constant)}
                assert not set(WORKERS) <= names, path
                assert not set(FRONT_ENDS) <= names, path


@pytest.mark.parametrize(("worker", "agent"), AGENTS, ids=lambda part: part.name)
def test_an_agent_is_what_the_topology_says(worker: Worker, agent: Agent) -> None:
    module, _, function = agent.handler.partition(":")
    assert callable(getattr(import_module(f"ates.agents.{module}"), function))
    assert agent.source.name == import_module(f"ates.agents.{module}").SOURCE
    assert agent.tables in ("", *TABLES)
    if agent.timer:
        module, _, function = agent.timer.partition(":")
        assert callable(getattr(import_module(f"ates.{module}"), function))


def test_every_table_belongs_to_an_agent() -> None:
    assert {agent.tables for _, agent in AGENTS} - {""} == set(TABLES)


@pytest.mark.parametrize("topic", ORIGINS, ids=lambda topic: topic.name)
def test_who_writes_the_dead_letters_of_a_topic_reads_it(topic: Topic) -> None:
    assert topic in WORKERS[topic.dead_letter_owner].sources


@pytest.mark.parametrize("topic", ORIGINS, ids=lambda topic: topic.name)
def test_every_record_of_a_topic_is_sent_by_somebody_and_the_topic_read(topic: Topic) -> None:
    sent = {record for _, flow in flows(tuple(PROCESSES.values())) if flow.topic == topic for record in flow.records}
    assert sent == set(topic.records)
    assert any(topic in worker.sources for worker in WORKERS.values())


def test_every_worker_has_a_module_that_faust_can_load() -> None:
    folder = ROOT / "ates" / "workers"
    built = {path.stem for path in folder.glob("*.py") if "create(" in path.read_text() and path.stem != "base"}
    assert built == set(WORKERS)


def test_every_front_end_has_a_folder() -> None:
    assert {path.parent.name for path in (ROOT / "web").glob("*/app.py")} - {"kit"} == set(FRONT_ENDS)


def test_read_models_are_written_by_a_sink() -> None:
    sinks = {topic for worker in WORKERS.values() for topic in worker.sinks}
    for model in topology.READ_MODELS.values():
        assert set(model.topics) <= sinks


def test_every_projection_is_a_file_with_a_function_and_no_file_is_left_out() -> None:
    assert all(inspect.iscoroutinefunction(project) for projects in BY_TOPIC.values() for project in projects)
    files = {
        path.stem
        for path in (ROOT / "ates" / "projections").glob("*.py")
        if "async def project(connection: Any" in path.read_text()
    }
    assert files - {"position"} == {projection.name for projection in topology.PROJECTIONS}


def test_every_projection_of_a_topic_gets_its_records() -> None:
    for topic in ORIGINS:
        named = [f"ates.projections.{it.name}" for it in topology.PROJECTIONS if topic in it.topics]
        assert [project.__module__ for project in BY_TOPIC.get(topic.name, ())] == named

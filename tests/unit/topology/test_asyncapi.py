"""asyncapi.yaml says what the topology says, and the AsyncAPI project's own parser has nothing against it."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ates.schemas.avro import schema_of
from ates.schemas.envelope import build
from ates.schemas.subjects import MODELS
from ates.tools.describe import asyncapi
from ates.topology import PROCESSES, TOPICS, WORKERS

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "asyncapi.yaml"
PARSER = ROOT / "tests" / "asyncapi"
DOCUMENT = asyncapi.document()

needs_parser = pytest.mark.skipif(
    shutil.which("node") is None or not (PARSER / "node_modules").is_dir(),
    reason="the AsyncAPI parser is not installed: npm ci --prefix tests/asyncapi",
)


def judge(file: Path) -> tuple[int, list[dict[str, Any]]]:
    """The parser's exit code, and what it says."""
    done = subprocess.run(["node", "validate.mjs", str(file)], cwd=PARSER, capture_output=True, text=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@needs_parser
def test_the_parser_of_asyncapi_takes_it() -> None:
    code, said = judge(FILE)
    assert code == 0, said
    assert said[-1] == {"channels": len(DOCUMENT["channels"]), "operations": len(DOCUMENT["operations"])}


@needs_parser
def test_the_parser_objects_to_a_message_that_is_nowhere(tmp_path: Path) -> None:
    broken = tmp_path / "asyncapi.yaml"
    broken.write_text(FILE.read_text().replace("#/components/messages/TaskCreated", "#/components/messages/Nothing"))
    code, said = judge(broken)
    assert code != 0
    assert any("Nothing" in line["message"] for line in said)


def test_every_topic_is_a_channel_with_its_records() -> None:
    assert set(DOCUMENT["channels"]) == set(TOPICS)
    for name, topic in TOPICS.items():
        records = {"DeadLetter"} if name.endswith(".dlq") else {record.__name__ for record in topic.records}
        assert set(DOCUMENT["channels"][name]["messages"]) == records


def test_every_record_has_its_schema() -> None:
    messages = DOCUMENT["components"]["messages"]
    assert {name: messages[name]["payload"]["schema"] for name in messages if name != "DeadLetter"} == {
        record.__name__: schema_of(model) for record, model in MODELS.items()
    }


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_has_its_operations(process: str) -> None:
    part = PROCESSES[process]
    sent = {operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()
            if operation["action"] == "send" and operation["tags"][0]["name"] == process}  # fmt: skip
    assert {f"#/channels/{flow.topic.name}" for flow in part.sends} <= sent


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_reads_as_the_group_of_its_name(worker: str) -> None:
    for topic in WORKERS[worker].sources:
        operation = DOCUMENT["operations"][f"worker.{worker}.reads.{topic.name}"]
        assert operation["bindings"]["kafka"]["groupId"]["enum"] == [worker]


def test_the_headers_are_those_of_the_envelope() -> None:

    headers = build(id="i", type="t", source="s", time=datetime.now(UTC), subject="k", causation_id="c")
    assert {name for name, _ in headers} <= set(asyncapi.HEADERS)

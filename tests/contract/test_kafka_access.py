"""The embedded Kafka authenticates its clients, and allows each what the topology says: tried on the running stack."""

from __future__ import annotations

import json
import stat
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from as_operator import librdkafka_of, settings_of
from confluent_kafka import KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AclBindingFilter, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourceType
from confluent_kafka.admin import ResourcePatternType as Pattern

from ates.embedded import java
from ates.embedded.console import Console
from ates.embedded.downloads import kafka_home
from ates.platform import access
from ates.platform.kafka import librdkafka_options
from ates.platform.settings import load
from ates.topology import PROCESSES, TOPICS, WORKERS, dead_letters_of
from ates.topology_types import FrontEnd, Worker

pytestmark = pytest.mark.stack
SECONDS = 10
CHANGES = {AclOperation.ALTER, AclOperation.ALTER_CONFIGS, AclOperation.DELETE}


def options(stack: Any, process: str) -> dict[str, Any]:
    """How `process` reaches Kafka."""
    return librdkafka_options(load(process, {"ATES_DATA": str(stack.data)}))


def refused(options: dict[str, Any], topic: str) -> str:
    """The error's name when a record is sent; empty when it is taken."""
    told: list[Any] = []
    producer = Producer(options | {"message.timeout.ms": 5000, "log_level": 0})
    producer.produce(topic, b"x", on_delivery=lambda error, _: told.append(error))
    producer.flush(SECONDS)
    return told[0].name() if told[0] else ""


def test_a_stranger_is_told_nothing(stack: Any) -> None:
    address = settings_of(stack.data).kafka
    for unknown in ({}, {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256",
                         "sasl.username": "worker.accounting", "sasl.password": "guessed"}):  # fmt: skip
        with pytest.raises(KafkaException):
            AdminClient({"bootstrap.servers": address, "log_level": 0, **unknown}).list_topics(timeout=3)


def test_the_controller_tells_a_stranger_nothing_either(stack: Any) -> None:
    port = json.loads((stack.data / "kept.json").read_text())["ports"]["kafka.controller"]
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.controllers": f"127.0.0.1:{port}", "log_level": 0}).list_topics(timeout=3)


@pytest.mark.parametrize(
    ("process", "topic"),
    [
        *((process, "accounting.commands") for process in ("audit", "topics", "import", "web.tasks", "worker.views")),
        *((process, "accounting.transactions") for process in ("web.accounting", "relay", "worker.payouts")),
        *((process, "auth.accounts") for process in ("web.auth", "worker.tasks", "import")),
        ("worker.accounting", "tasks-tasks-changelog"),
    ],
)
def test_no_process_writes_a_topic_of_another(stack: Any, process: str, topic: str) -> None:
    assert refused(options(stack, process), topic) == "TOPIC_AUTHORIZATION_FAILED"


def granted(described: Mapping[str, Future[Any]]) -> dict[str, set[AclOperation]]:
    """Name -> the operations that the broker says it lets us do."""
    found = {}
    for name, future in described.items():
        try:
            found[name] = set(future.result(SECONDS).authorized_operations)
        except KafkaException as error:
            assert error.args[0].name().endswith("_AUTHORIZATION_FAILED")
            found[name] = set()
    return found


def able(to: AclOperation, granted: Mapping[str, set[AclOperation]]) -> set[str]:
    return {name for name, operations in granted.items() if to in operations}


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_may_read_and_write_the_topics_of_its_own_work_and_no_others(stack: Any, process: str) -> None:
    part = PROCESSES[process]
    topics = {name for name in AdminClient(librdkafka_of(stack.data)).list_topics().topics if not name.startswith("__")}
    sources = part.sources if isinstance(part, Worker) else ()
    changelogs = {name for name in topics if isinstance(part, Worker) and name.startswith(f"{part.name}-")}
    inner = changelogs | {dead_letters_of(topic) for topic in sources}
    reads = inner | {topic.name for topic in (*sources, *part.global_tables)}
    writes = inner | {flow.topic.name for flow in part.sends}
    if isinstance(part, FrontEnd) and part.browses:
        reads, writes = topics, set(TOPICS)
    admin = AdminClient(options(stack, process) | {"log_level": 0})
    found = granted(admin.describe_topics(TopicCollection(list(topics)), include_authorized_operations=True))
    assert able(AclOperation.READ, found) == reads
    assert able(AclOperation.WRITE, found) == writes
    assert not {operation for held in found.values() for operation in held} & CHANGES


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_may_join_its_own_group_and_no_other(stack: Any, name: str) -> None:
    admin = AdminClient(options(stack, f"worker.{name}") | {"log_level": 0})
    found = granted(admin.describe_consumer_groups(list(WORKERS), include_authorized_operations=True))
    assert able(AclOperation.READ, found) == {name}


def opens(options: dict[str, Any], transactional_id: str) -> str:
    """The error's name when a transactional id is taken over; empty when it may be."""
    try:
        Producer(options | {"transactional.id": transactional_id, "log_level": 0}).init_transactions(SECONDS)
    except KafkaException as error:
        return str(error.args[0].name())
    return ""


@pytest.mark.parametrize(("name", "other"), [*pairwise([*WORKERS, next(iter(WORKERS))])])
def test_a_worker_opens_its_own_transactions_and_no_others(stack: Any, name: str, other: str) -> None:
    mine = options(stack, f"worker.{name}")
    assert opens(mine, f"{name}-{WORKERS[name].sources[0].name}-tried") == ""
    assert opens(mine, f"{other}-{WORKERS[other].sources[0].name}-0") == "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"


def test_the_operator_may_do_all_and_the_auditor_read_all(stack: Any) -> None:
    everything = AdminClient(librdkafka_of(stack.data)).list_topics(timeout=SECONDS).topics
    seen = AdminClient(options(stack, "audit")).list_topics(timeout=SECONDS).topics
    assert {name for name in everything if not name.startswith("__")} <= set(seen)


@pytest.fixture
def topic(stack: Any) -> Iterator[str]:
    """One that nobody reads."""
    name, admin = f"access-{uuid.uuid4().hex[:8]}", AdminClient(librdkafka_of(stack.data))
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(SECONDS)
    yield name
    admin.delete_topics([name])[name].result(SECONDS)


def words(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


@pytest.mark.parametrize(("user", "taken"), [("operator", ""), ("auditor", "TOPIC_AUTHORIZATION_FAILED")])
def test_people_get_settings_for_their_own_tools(stack: Any, topic: str, user: str, taken: str) -> None:
    file = stack.data / "clients" / f"{user}.properties"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = words(file)
    assert found["schema.registry.url"] == stack.said["registry"]
    module, _, login = found.pop("sasl.jaas.config").rstrip(";").partition(" required ")
    assert module.startswith("org.apache.kafka.common.security.")
    name, password = (part.split("=", 1)[1].strip('"') for part in login.split())
    assert name == user
    own = {word: found[word] for word in ("bootstrap.servers", "security.protocol", "sasl.mechanism")}
    own |= {"sasl.username": name, "sasl.password": password}
    assert "tasks.events" in AdminClient(own).list_topics(timeout=SECONDS).topics
    assert refused(own, topic) == taken


@pytest.mark.parametrize(("user", "code"), [("operator", 0), ("auditor", 1)])
def test_kafkas_own_tools_take_them(stack: Any, topic: str, user: str, code: int) -> None:
    tool = [str(java.find()), "-cp", str(kafka_home(Console()) / "*"), "kafka.admin.ConfigCommand"]
    reach = [
        "--bootstrap-server",
        stack.said["kafka"],
        "--command-config",
        stack.data / "clients" / f"{user}.properties",
    ]
    change = ["--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", "retention.ms=1000000"]
    done = subprocess.run([*tool, *reach, *change], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert ("TopicAuthorizationException" in done.stdout + done.stderr) is bool(code)


def test_kafka_has_the_acls_that_the_topology_says_and_creating_them_again_changes_nothing(stack: Any) -> None:
    assert " 0 of them changed" in stack.ates("acls").stdout
    anything = AclBindingFilter(
        ResourceType.ANY, None, Pattern.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    admin = AdminClient(librdkafka_of(stack.data))
    held = admin.describe_acls(anything, request_timeout=SECONDS).result()
    assert {(acl.principal, acl.operation.name, acl.name) for acl in held} == {
        (f"User:{acl.user}", acl.operation, acl.name) for acl in access.acls()
    }


def test_no_password_is_on_a_command_line(stack: Any) -> None:
    secrets = json.loads((stack.data / "kept.json").read_text())["secrets"]
    passwords = [secret for name, secret in secrets.items() if name.startswith("kafka.")]
    assert len(passwords) == len(access.users()) + 2
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    logs = [path.read_bytes() for path in (stack.data / "logs").iterdir()]
    for password in passwords:
        assert not any(password.encode() in text for text in (*lines, *logs))

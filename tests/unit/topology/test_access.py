"""Kafka's ACLs follow from the topology: what a process needs, and nothing else."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ates.cli.main import cli
from ates.platform import access
from ates.platform.access import ANY, AUDITOR, IMPORTER, Acl
from ates.topology import ACCOUNTING_TRANSACTIONS, ORIGINS, PROCESSES, WORKERS, dead_letters_of
from ates.topology_types import Topic

ACLS = access.acls()


def who(operation: str, topic: Topic) -> set[str]:
    """The users who may do it to a topic by name."""
    return {acl.user for acl in ACLS if (acl.operation, acl.kind, acl.name) == (operation, "topic", topic.name)}


@pytest.mark.parametrize("topic", ORIGINS, ids=lambda topic: topic.name)
def test_a_topic_is_written_by_its_senders_and_by_who_sends_dead_letters_again(topic: Topic) -> None:
    senders = {part.id for part in PROCESSES.values() if any(flow.topic == topic for flow in part.sends)}
    imports = {IMPORTER} if topic.name == "tasks.commands" else set()
    assert who("WRITE", topic) == senders | imports | {"web.topics"}


def test_money_is_moved_by_accounting_alone() -> None:
    """Who sends dead letters again is trusted with every topic: an admin asks for it, page by page."""
    assert who("WRITE", ACCOUNTING_TRANSACTIONS) == {"worker.accounting", "web.topics"}


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_joins_its_own_group_and_no_other(name: str) -> None:
    groups = {acl.name for acl in ACLS if acl.user == f"worker.{name}" and acl.kind == "group"}
    assert groups == {name}


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_reads_what_it_needs_and_buries_what_it_cannot_read(name: str) -> None:
    worker = WORKERS[name]
    mine = {acl for acl in ACLS if acl.user == worker.id}
    for topic in (*worker.sources, *worker.global_tables):
        assert Acl(worker.id, "READ", "topic", topic.name) in mine
    for topic in worker.sources:
        assert Acl(worker.id, "WRITE", "topic", dead_letters_of(topic)) in mine
    assert not [acl for acl in mine if acl.name == ANY]


def test_no_prefix_of_one_workers_changelogs_or_transactions_covers_anothers() -> None:
    for acl in (acl for acl in ACLS if acl.prefixed):
        others = (f"{worker}-" for worker in WORKERS if f"worker.{worker}" != acl.user)
        assert not [other for other in others if acl.name.startswith(other) or other.startswith(acl.name)]


def test_the_auditor_changes_nothing() -> None:
    operations = {acl.operation for acl in ACLS if acl.user == AUDITOR}
    assert operations == {"READ", "DESCRIBE", "DESCRIBE_CONFIGS"}
    assert not [acl for acl in ACLS if acl.user == AUDITOR and acl.kind == "group" and acl.operation == "READ"]


def test_only_the_operator_may_alter_acls() -> None:
    assert not [acl for acl in ACLS if acl.operation in ("ALL", "ALTER", "CLUSTER_ACTION")]
    assert access.OPERATOR not in access.users()


def test_they_are_printed_as_commands_of_kafkas_own_tool() -> None:
    done = CliRunner().invoke(cli, ["acls", "--print"], catch_exceptions=False)
    lines = done.output.splitlines()
    assert len(lines) == len(ACLS) == len(set(lines))
    assert any(line.endswith("--allow-principal User:worker.tasks --operation Read --group tasks") for line in lines)
    assert any("--transactional-id tasks-tasks.commands- --resource-pattern-type prefixed" in line for line in lines)
    assert any(line.endswith("--allow-principal User:auditor --operation Describe --cluster") for line in lines)


def test_a_password_is_read_from_the_variable_of_its_user() -> None:
    assert access.passwords({"ATES_KAFKA_PASSWORD_WORKER_TASKS": "x", "ATES_KAFKA_PASSWORD_BROKER": "y"}) == {
        "worker.tasks": "x"
    }

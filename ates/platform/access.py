"""Kafka's ACLs, derived from the topology: a user for each process and each kind of command, who may do what its work
needs and no more. No I/O; `ates.platform.kafka_users` applies them.

The terms are Kafka's own (https://kafka.apache.org/documentation/#security_authz): an ACL allows a user an operation on
the resources that have a name, or that have it as a prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ates.platform import environment
from ates.topology import PROCESSES, TASKS_COMMANDS, dead_letters_of
from ates.topology_types import FrontEnd, Worker

PASSWORD_PREFIX = "ATES_KAFKA_PASSWORD_"  # noqa: S105 -- the name of a variable

Kind = Literal["topic", "group", "transactional_id", "cluster"]

CLUSTER = "kafka-cluster"  # Kafka's name of its one resource of that kind
ANY = "*"

OPERATOR, AUDITOR, IMPORTER = "operator", "auditor", "importer"
"""Users of commands: may do everything; may read everything and write nothing; may send tasks."""
BROKER = "broker"
"""Brokers and controllers reach each other as this user."""


@dataclass(frozen=True, slots=True)
class Acl:
    """`user` may do `operation` on the resource `name`, or if `prefixed` on all whose name begins with it."""

    user: str
    operation: str
    kind: Kind
    name: str
    prefixed: bool = False


def users() -> tuple[str, ...]:
    """All users with ACLs. The operator has none, as a superuser."""
    return (*PROCESSES, AUDITOR, IMPORTER)


def created() -> tuple[str, ...]:
    """All users that `ates acls` creates."""
    return (OPERATOR, *users())


def variable(user: str) -> str:
    """The variable that holds a user's password: `ATES_KAFKA_PASSWORD_WORKER_TASKS`."""
    return PASSWORD_PREFIX + user.upper().replace(".", "_")


def passwords(environ: Mapping[str, str]) -> dict[str, str]:
    """User -> password, of those whose variable is set."""
    environ = environment.with_files(environ, [variable(user) for user in created()])
    given = {user: environ.get(variable(user), "") for user in created()}
    return {user: password for user, password in given.items() if password}


def acls() -> list[Acl]:
    """All ACLs, each once."""
    found = [acl for part in PROCESSES.values() for acl in _of(part)]
    return list(dict.fromkeys([*found, *_reads_everything(AUDITOR), *_imports()]))


def _of(part: Worker | FrontEnd) -> Iterator[Acl]:
    user = part.id
    for topic in part.global_tables:
        yield Acl(user, "READ", "topic", topic.name)
    for flow in part.sends:
        yield Acl(user, "WRITE", "topic", flow.topic.name)
    if isinstance(part, Worker):
        yield from _works(part)
    elif part.sends:
        yield Acl(user, "WRITE", "transactional_id", f"ates-web-{part.name}-", prefixed=True)
    if isinstance(part, FrontEnd) and part.browses:
        yield from _reads_everything(user)
        yield from _redrives(user)


def _works(worker: Worker) -> Iterator[Acl]:
    """A member of its group reads its sources, writes and reads their dead letters, and keeps its tables and positions
    in changelogs."""
    user = worker.id
    yield Acl(user, "READ", "group", worker.name)
    for topic in worker.sources:
        yield Acl(user, "READ", "topic", topic.name)
        for operation in ("READ", "WRITE"):
            yield Acl(user, operation, "topic", dead_letters_of(topic))
        yield Acl(user, "WRITE", "transactional_id", f"{worker.name}-{topic.name}-", prefixed=True)
    # Its changelogs, which it creates: in no other topic's name does a dash follow the name of a worker.
    for operation in ("READ", "WRITE", "CREATE"):
        yield Acl(user, operation, "topic", f"{worker.name}-", prefixed=True)


def _reads_everything(user: str) -> Iterator[Acl]:
    yield Acl(user, "READ", "topic", ANY)
    yield Acl(user, "DESCRIBE_CONFIGS", "topic", ANY)
    yield Acl(user, "DESCRIBE", "group", ANY)
    yield Acl(user, "DESCRIBE", "transactional_id", ANY)
    yield Acl(user, "DESCRIBE", "cluster", CLUSTER)
    yield Acl(user, "DESCRIBE_CONFIGS", "cluster", CLUSTER)


def _redrives(user: str) -> Iterator[Acl]:
    """Sends dead letters to the topics that they came from, with a note beside each."""
    sources = (topic for part in PROCESSES.values() if isinstance(part, Worker) for topic in part.sources)
    for topic in dict.fromkeys(sources):  # in the same order each time
        yield Acl(user, "WRITE", "topic", topic.name)
        yield Acl(user, "WRITE", "topic", dead_letters_of(topic))
    yield Acl(user, "WRITE", "transactional_id", "ates-redrive-", prefixed=True)


def _imports() -> Iterator[Acl]:
    yield Acl(IMPORTER, "WRITE", "topic", TASKS_COMMANDS.name)


def as_command(acl: Acl) -> str:
    """The command of Kafka's own tool that adds it."""
    name = acl.name if acl.name != ANY else "'*'"
    resource = "--cluster" if acl.kind == "cluster" else f"--{acl.kind.replace('_', '-')} {name}"
    pattern = " --resource-pattern-type prefixed" if acl.prefixed else ""
    return (
        'kafka-acls.sh --bootstrap-server "$ATES_KAFKA" --command-config operator.properties --add --force '
        f"--allow-principal User:{acl.user} --operation {spelt(acl.operation)} {resource}{pattern}"
    )


def spelt(operation: str) -> str:
    """An operation as Kafka's own tools spell it: `DescribeConfigs`."""
    return "".join(word.title() for word in operation.split("_"))

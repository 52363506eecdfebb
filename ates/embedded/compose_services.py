"""The parts of docker-compose.yml that follow from the topology. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ates.embedded.compose import HTTP_PORT, service
from ates.embedded.kafka import MECHANISM
from ates.platform import access
from ates.topology import PROCESSES, WORKERS
from ates.topology_types import Worker


def workers() -> str:
    """A service for each worker."""
    return "\n".join("".join(f"{line}\n" for line in _worker(worker)) for worker in WORKERS.values())


def healthy() -> str:
    """That the demo company waits for all processes."""
    return "".join(f"      {service(process)}: {{condition: service_healthy}}\n" for process in PROCESSES)


def processes() -> str:
    """Where the status page finds all processes."""
    addresses = ",".join(f"{process}={service(process)}:{HTTP_PORT}" for process in PROCESSES)
    return f"      ATES_PROCESSES: {addresses}\n"


def passwords() -> str:
    """The passwords of Kafka's users, for the step that makes them."""
    users = access.created()
    return "".join(f"      {access.variable(it)}: ${{{access.variable(it)}:?put it into .env}}\n" for it in users)


def _kafka_login(user: str) -> Iterator[str]:
    yield f"      ATES_KAFKA_SASL_MECHANISM: {MECHANISM}"
    yield f"      ATES_KAFKA_USERNAME: {user}"
    yield f"      ATES_KAFKA_PASSWORD: ${{{access.variable(user)}:?put it into .env}}"


def _worker(worker: Worker) -> Iterator[str]:
    yield f"  {service(worker.id)}:"
    yield "    <<: *ours"
    yield f"    command: [worker, {worker.name}]"
    yield "    volumes: [tables:/var/lib/ates/faust]"  # tables, and which record was under way when it ended
    yield "    depends_on: *when-prepared"
    yield "    environment:"
    yield "      <<: *shared"
    yield f'      ATES_PORT: "{HTTP_PORT}"'
    yield from _kafka_login(worker.id)
    if worker.database:
        password = f"${{ATES_DB_PASSWORD_{worker.database.upper()}:?put it into .env}}"
        yield f"      ATES_POSTGRES: postgresql://ates_{worker.database}:{password}@postgres:5432/ates"

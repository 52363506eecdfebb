"""Three brokers, each a controller too, and the topics of the verifier, every one on all three of them."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from ates.embedded import kafka
from ates.embedded.ports import LOOPBACK, choose
from ates.platform.kafka import client_options, librdkafka_options
from ates.platform.settings import parse

from .app import BEHIND, GROUP, PARTITIONS, SIMPLE, SOURCE, THROUGH
from .process import guarded

BROKERS = 3
START_SECONDS = 240.0
ANSWER_SECONDS = 30.0
STOP_SECONDS = 60.0
REPLICATED = {
    "offsets.topic.replication.factor": BROKERS,
    "transaction.state.log.replication.factor": BROKERS,
    "transaction.state.log.min.isr": BROKERS - 1,
    "min.insync.replicas": BROKERS - 1,
}


NOTHING: Mapping[str, str] = MappingProxyType({})


class Cluster:
    """Brokers of one directory. They end with us, whatever ends us.

    own: settings that each of them has
    variables: of a client that may do everything, such as `ATES_KAFKA_SECURITY`; `settings` are made of them
    """

    def __init__(
        self,
        home: Path,
        directory: Path,
        own: Mapping[str, object] = NOTHING,
        variables: Mapping[str, str] = NOTHING,
    ) -> None:
        ports = choose([f"{kind}{n}" for kind in ("broker", "controller") for n in range(1, BROKERS + 1)], {})
        voters = ",".join(f"{n}@{LOOPBACK}:{ports[f'controller{n}']}" for n in range(1, BROKERS + 1))
        self.servers = ",".join(f"{LOOPBACK}:{ports[f'broker{n}']}" for n in range(1, BROKERS + 1))
        self._commands: list[tuple[list[str], Path]] = []
        self._brokers: list[subprocess.Popen[bytes]] = []
        cluster = kafka.cluster_id()
        for n in range(1, BROKERS + 1):
            folder = directory / f"broker-{n}"
            folder.mkdir()
            settings = {"node.id": n, "controller.quorum.voters": voters, **REPLICATED, **own}
            properties = kafka.properties(folder, ports[f"broker{n}"], ports[f"controller{n}"])
            if variables:
                properties |= kafka.client_listener(ports[f"broker{n}"], ports[f"controller{n}"])
            kafka.configure(folder, home, {**properties, **settings}, cluster)
            self._commands.append((kafka.command(folder, home), folder / "broker.log"))
            self._brokers.append(_start(*self._commands[-1]))
        self.settings = parse({"ATES_KAFKA": self.servers, **variables})
        self._admin = AdminClient(librdkafka_options(self.settings) | {"log_level": 2})

    def until_ready(self) -> None:
        """Wait until all brokers are in the cluster. Raises `TimeoutError`."""
        give_up = time.monotonic() + START_SECONDS
        while self._count_brokers() < BROKERS:
            ended = [broker.args for broker in self._brokers if broker.poll() is not None]
            if ended or time.monotonic() > give_up:
                raise TimeoutError(f"the three brokers did not come up; their logs are beside {ended or self.servers}")
            time.sleep(0.2)

    def _count_brokers(self) -> int:
        try:
            return len(self._admin.list_topics(timeout=2).brokers)
        except KafkaException:
            return 0

    def create_topics(self, *, is_complex: bool) -> None:
        aggregates = (*SIMPLE, *BEHIND) if is_complex else SIMPLE
        sources = (SOURCE, THROUGH) if is_complex else (SOURCE,)
        plain = [*sources, *(f"{source}.dlq" for source in sources), "echo", *(one.topic for one in aggregates)]
        changelogs = [f"{GROUP}-{one.topic}-changelog" for one in aggregates]
        topics = [NewTopic(name, PARTITIONS, BROKERS) for name in plain]
        topics += [NewTopic(name, PARTITIONS, BROKERS, config={"cleanup.policy": "compact"}) for name in changelogs]
        for future in self._admin.create_topics(topics).values():
            future.result(ANSWER_SECONDS)

    def create(self, topic: str, partitions: int) -> None:
        """A topic with a replica on every broker."""
        self._admin.create_topics([NewTopic(topic, partitions, BROKERS)])[topic].result(ANSWER_SECONDS)

    @property
    def client_options(self) -> dict[str, Any]:
        """Of an aiokafka client that may do everything."""
        return client_options(self.settings)

    def reader(self, topic: str) -> Reader:
        return Reader(self.servers, topic)

    def signal(self, number: int, name: int) -> None:
        """Send the signal `name` to broker `number`, from 0, such as SIGKILL, SIGSTOP or SIGCONT."""
        self._brokers[number].send_signal(name)

    def restart(self, number: int) -> None:
        """Start broker `number` again, once it has ended."""
        self._brokers[number].wait(STOP_SECONDS)
        self._brokers[number] = _start(*self._commands[number])

    def in_sync(self) -> bool:
        """Whether every replica of every partition is in sync, and all brokers are there."""
        try:
            found = self._admin.list_topics(timeout=2)
        except KafkaException:
            return False
        partitions = [one for topic in found.topics.values() for one in topic.partitions.values()]
        return len(found.brokers) == BROKERS and all(len(one.isrs) == len(one.replicas) for one in partitions)

    def stop(self) -> None:
        for broker in self._brokers:
            broker.send_signal(signal.SIGCONT)
            broker.send_signal(signal.SIGKILL)
        for broker in self._brokers:
            broker.wait()


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(guarded(command), stdout=out, stderr=out)


class Reader:
    """Counts the committed records of a topic."""

    def __init__(self, servers: str, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "counting",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "log_level": 2,
            }
        )
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
        self._count = 0

    def count(self) -> int:
        """How many there were until now."""
        while records := self._consumer.consume(10_000, timeout=0.5):
            self._count += sum(record.error() is None for record in records)
        return self._count

    def close(self) -> None:
        self._consumer.close()

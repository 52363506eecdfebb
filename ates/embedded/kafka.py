"""Kafka: one process that is broker and controller (KRaft), on the loopback address only."""

from __future__ import annotations

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from ates.embedded import StackError, java
from ates.embedded.ports import LOOPBACK
from ates.platform import access

# A record may have 1 MB; its dead letter carries it with more headers.
MAX_MESSAGE_BYTES = 2 * 1024 * 1024

PROTOCOL, MECHANISM = "SASL_PLAINTEXT", "SCRAM-SHA-256"

_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.log.kafka.authorizer.logger=info",  # who was refused what
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


def properties(directory: Path, port: int, controller_port: int) -> dict[str, object]:
    """The broker's configuration. Kafka's own defaults are for clusters; these are for one small broker."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "log.dirs": directory / "log",
        **shared_properties(),
        "num.network.threads": 2,
        "num.io.threads": 3,
        "background.threads": 2,
        "num.recovery.threads.per.data.dir": 2,
        "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
        "log.cleaner.io.buffer.size": 256 * 1024,
    }


def shared_properties() -> dict[str, object]:
    """What the embedded broker and the one in docker-compose.yml have in common."""
    return {
        # Topics come from the topic registry only, a typing mistake must not make one.
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # A group that was away for a week must not read everything again.
        "offsets.retention.minutes": 2147483647,
        # There is nobody to wait for when a group is new.
        "group.initial.rebalance.delay.ms": 0,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
    }


def access_properties(passwords: Mapping[str, str]) -> dict[str, object]:
    """Authentication and authorization, as in docker-compose.yml.

    `ates acls` creates SCRAM users and all ACLs. One user is in the configuration, because somebody has to create the
    others: the broker's own.
    """
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    broker = passwords[access.BROKER]
    itself = f'{plain} username="{access.BROKER}" password="{broker}" user_{access.BROKER}="{broker}";'
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return {
        "listener.security.protocol.map": f"CLIENTS:{PROTOCOL},CONTROLLER:{PROTOCOL}",
        "inter.broker.listener.name": "CLIENTS",
        "sasl.enabled.mechanisms": f"{MECHANISM},PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": itself,
        "listener.name.clients.plain.sasl.jaas.config": itself,
        f"listener.name.clients.{MECHANISM.lower()}.sasl.jaas.config": scram,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{access.BROKER};User:{access.OPERATOR}",
    }


def client_listener(port: int, controller_port: int) -> dict[str, object]:
    """The listeners of a broker that authenticates its clients."""
    return {
        "listeners": f"CLIENTS://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"CLIENTS://{LOOPBACK}:{port}",
    }


def prepare(directory: Path, home: Path, port: int, controller_port: int, passwords: Mapping[str, str]) -> None:
    """Write the configuration and, the first time, format the log directory."""
    broker = properties(directory, port, controller_port) | access_properties(passwords)
    broker |= client_listener(port, controller_port)
    configure(directory, home, broker, cluster_id())


def configure(directory: Path, home: Path, broker: Mapping[str, object], cluster: str) -> None:
    """Write this configuration of a broker and, the first time, format its log directory for `cluster`."""
    text = "".join(f"{k}={v}\n" for k, v in broker.items())
    file = directory / "server.properties"
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text, encoding="utf-8")
    if (directory / "log" / "meta.properties").exists():
        return
    tool = _java(home, "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool")
    formatting = subprocess.run(
        [
            *tool,
            "format",
            f"--cluster-id={cluster}",
            "-c",
            str(directory / "server.properties"),
            "--ignore-formatted",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if formatting.returncode:
        reason = (formatting.stderr or formatting.stdout).strip().splitlines()[-1:]
        raise StackError("kafka_format_failed", f"Kafka's storage could not be formatted: {''.join(reason)}")


def cluster_id() -> str:
    """16 random bytes as Kafka writes them; never with a dash in front, which its tools would take for an option."""
    while (text := urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return text


def command(directory: Path, home: Path) -> list[str]:
    """The broker in the foreground; `home` holds its jars, `directory` its configuration and log."""
    return _java(
        home,
        "-Xmx384m",
        "-Xms128m",
        *java.SMALL,
        *_LOGGING,
        "kafka.Kafka",
        str(directory / "server.properties"),
    )


def _java(home: Path, *arguments: str) -> list[str]:
    return [str(java.find()), "-cp", str(home / "*"), *arguments]

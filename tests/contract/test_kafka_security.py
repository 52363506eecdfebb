"""A Kafka that wants certificates of its clients, and one that wants bearer tokens: with both kinds of client."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ates.domain.errors import AtesError
from ates.embedded import kafka as server
from ates.embedded.console import Console
from ates.embedded.downloads import kafka_home
from ates.embedded.ports import LOOPBACK, choose
from ates.platform import reach
from ates.platform.kafka import client_options
from ates.platform.log_reader import TopicLog
from ates.platform.settings import Settings, parse

LIMIT_SECONDS = 60.0


def certificate(folder: Path, name: str) -> None:
    """`NAME.pem` holds a self-signed certificate for the loopback address, `NAME.key` its key, `NAME.both` both."""
    key, now = generate_private_key(SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = made.public_bytes(Encoding.PEM)
    for ending, content in (("pem", public), ("key", private), ("both", private + public)):
        (folder / f"{name}.{ending}").write_bytes(content)


@dataclass(frozen=True)
class Broker:
    folder: Path
    tls: str
    tokens: str

    def mutual(self, ca: str = "broker", own: str = "client") -> dict[str, str]:
        return {
            "ATES_KAFKA": self.tls,
            "ATES_KAFKA_SECURITY": "SSL",
            "ATES_KAFKA_CA": str(self.folder / f"{ca}.pem"),
            "ATES_KAFKA_CERT": str(self.folder / f"{own}.pem"),
            "ATES_KAFKA_KEY": str(self.folder / f"{own}.key"),
        }

    def bearer(self, **source: str) -> dict[str, str]:
        words = {"ATES_KAFKA": self.tokens, "ATES_KAFKA_SECURITY": "SASL_PLAINTEXT"}
        return {**words, "ATES_KAFKA_SASL_MECHANISM": "OAUTHBEARER", **source}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("kafka")
    for name in ("broker", "client", "stranger"):
        certificate(folder, name)
    at = choose(["inside", "tls", "tokens", "controller"], {})
    listeners = {"INSIDE": "inside", "TLS": "tls", "TOKENS": "tokens"}
    advertised = ",".join(f"{name}://{LOOPBACK}:{at[port]}" for name, port in listeners.items())
    login = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
    words = {
        **server.properties(folder, at["inside"], at["controller"]),
        "listeners": f"{advertised},CONTROLLER://{LOOPBACK}:{at['controller']}",
        "advertised.listeners": advertised,
        "inter.broker.listener.name": "INSIDE",
        "listener.security.protocol.map": "INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,TOKENS:SASL_PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "broker.both",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": folder / "client.pem",
        "listener.name.tls.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.tokens.oauthbearer.sasl.jaas.config": f'{login} unsecuredLoginStringClaim_sub="broker";',
    }
    home = kafka_home(Console())
    server.configure(folder, home, words, server.cluster_id())
    with (folder / "log.txt").open("wb") as log:
        running = subprocess.Popen(server.command(folder, home), stdout=log, stderr=log)
    found = Broker(folder, f"{LOOPBACK}:{at['tls']}", f"{LOOPBACK}:{at['tokens']}")
    try:
        deadline = time.monotonic() + LIMIT_SECONDS
        while why := why_not(found.mutual()):
            assert running.poll() is None, (folder / "log.txt").read_text()[-3000:]
            assert time.monotonic() < deadline, why
            time.sleep(0.2)
        yield found
    finally:
        running.terminate()
        running.wait(30)


def why_not(variables: dict[str, str]) -> str:
    """Code and reason; empty when Kafka takes the login."""
    try:
        asyncio.run(reach.kafka(parse(variables)))
    except AtesError as error:
        return f"{error.code}: {error.detail}"
    return ""


async def produces(settings: Settings) -> None:
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    await producer.stop()


def unsigned(minutes: int = 5) -> str:
    """A token that Kafka's own validator for tests takes: without a signature."""
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": "ates", "iat": now - 600, "exp": now + 60 * minutes})
    return ".".join(base64.urlsafe_b64encode(json.dumps(it).encode()).decode().rstrip("=") for it in parts) + "."


def test_a_client_certificate_lets_both_kinds_of_client_in(broker: Broker) -> None:
    settings = parse(broker.mutual())
    asyncio.run(produces(settings))
    assert TopicLog(settings).cluster_id()


def test_a_token_of_a_file_or_a_command_lets_both_kinds_of_client_in(broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(unsigned())
    for source in ({"ATES_KAFKA_TOKEN_FILE": str(file)}, {"ATES_KAFKA_TOKEN_COMMAND": f"cat {file}"}):
        settings = parse(broker.bearer(**source))
        asyncio.run(produces(settings))
        assert TopicLog(settings).cluster_id()


def test_an_expired_token_is_an_outage_by_name(broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(unsigned(minutes=-5))
    assert why_not(broker.bearer(ATES_KAFKA_TOKEN_FILE=str(file))).startswith("kafka_unauthorized")


def test_a_certificate_that_is_not_trusted_is_no_outage_and_ends_every_process_at_once(
    broker: Broker, tmp_path: Path
) -> None:
    assert why_not(broker.mutual(ca="stranger")).startswith("certificate_untrusted")
    postgres = {"ATES_POSTGRES": "postgresql://a:b@127.0.0.1:1/c", "ATES_CSRF_SECRET": "x" * 32}
    others = {"ATES_DATA": str(tmp_path), "ATES_REGISTRY": "http://127.0.0.1:1", **postgres}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ATES_")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "ates", *command],
            env={**environ, **others, **broker.mutual(ca="stranger")},
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in (["worker", "tasks"], ["web", "tasks"], ["relay"], ["topics", "list"])
    ]
    for ended in processes:
        said = ended.communicate(timeout=90)[1]
        assert ended.returncode == 1, (ended.args, said)
        assert "(certificate_untrusted)" in said.splitlines()[-1], (ended.args, said)
        assert "Traceback" not in said

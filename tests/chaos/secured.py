"""Security of three brokers as operators have it: SASL_SSL, SCRAM, and ACLs for a user of each process."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ates.embedded import kafka
from ates.embedded.ports import LOOPBACK
from ates.platform import access

PROTOCOL = "SASL_SSL"


@dataclass(frozen=True, slots=True)
class Security:
    """`broker`: what each broker's configuration says. `owner`: variables of a client that may do everything from the
    beginning. `stack`: those of `ates up`, whose processes have a user each."""

    broker: Mapping[str, object]
    owner: Mapping[str, str]
    stack: Mapping[str, str]


def security(folder: Path) -> Security:
    """Passwords and a certificate of their own; the certificate's files are in `folder`."""
    passwords = {user: secrets.token_hex(16) for user in (access.BROKER, *access.created())}
    certificate, both = _certificate(folder)
    broker = {
        **kafka.access_properties(passwords),
        "listener.security.protocol.map": f"CLIENTS:{PROTOCOL},CONTROLLER:{PROTOCOL}",
        **{f"ssl.{store}.type": "PEM" for store in ("keystore", "truststore")},
        "ssl.keystore.location": both,
        "ssl.truststore.location": certificate,
    }
    client = {"ATES_KAFKA_SECURITY": PROTOCOL, "ATES_KAFKA_CA": str(certificate)}
    given = {access.variable(user): passwords[user] for user in access.created()}
    return Security(
        broker,
        client | _login(access.BROKER, "PLAIN", passwords),
        client | _login(access.OPERATOR, kafka.MECHANISM, passwords) | given,
    )


def _login(user: str, mechanism: str, passwords: Mapping[str, str]) -> dict[str, str]:
    return {
        "ATES_KAFKA_SASL_MECHANISM": mechanism,
        "ATES_KAFKA_USERNAME": user,
        "ATES_KAFKA_PASSWORD": passwords[user],
    }


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Files with a self-signed certificate for the loopback address, and with its key too."""
    key, now = generate_private_key(SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kafka")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False)
        .sign(key, SHA256())
    )
    certificate, both = folder / "kafka.pem", folder / "kafka.both.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    both.touch(mode=0o600)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both.write_bytes(private + certificate.read_bytes())
    return certificate, both

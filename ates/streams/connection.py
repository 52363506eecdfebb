"""How to reach a cluster, given once: the options of both clients (aiokafka and librdkafka) are derived from it."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ates.streams.unsupported import Unsupported

DEFAULT_PORT = 9092

# Faust's names for its transports; each is answered with ours.
SCHEMES = ("kafka", "aiokafka")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of the cluster (SASL), TLS, or both. `ca`: a file of certificates to trust instead of the system's.

    `certificate` and `key` are files too, for clusters that know their clients by certificate.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    mechanism: str = "SCRAM-SHA-512"
    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def protocol(self) -> str:
        """Kafka's name for it."""
        wire = "SSL" if self.tls else "PLAINTEXT"
        return f"SASL_{wire}" if self.username else wire

    def tls_context(self) -> ssl.SSLContext:
        """Raises `OSError` when a file cannot be read."""
        context = ssl.create_default_context(cafile=self.ca or None)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None)
        return context


class Connection:
    """`broker`: one address or several, as `kafka://host:port`, separated by `;` or `,`, or in a list."""

    def __init__(self, broker: str | Sequence[str], credentials: Credentials | None = None) -> None:
        self.brokers = _addresses(broker)
        self._credentials = credentials or Credentials()
        self.client_options = self._aiokafka()
        self.producer_options = self._librdkafka()

    def _aiokafka(self) -> dict[str, Any]:
        user = self._credentials
        options: dict[str, Any] = {"bootstrap_servers": self.brokers, "security_protocol": user.protocol}
        if user.tls:
            options["ssl_context"] = user.tls_context()
        if user.username:
            options |= {
                "sasl_mechanism": user.mechanism,
                "sasl_plain_username": user.username,
                "sasl_plain_password": user.password,
            }
        return options

    def _librdkafka(self) -> dict[str, Any]:
        user = self._credentials
        files = {
            "ssl.ca.location": user.ca,
            "ssl.certificate.location": user.certificate,
            "ssl.key.location": user.key,
        }
        options = {"bootstrap.servers": ",".join(self.brokers), "security.protocol": user.protocol}
        if user.tls:
            options |= {name: file for name, file in files.items() if file}
        if user.username:
            options |= {
                "sasl.mechanism": user.mechanism,
                "sasl.username": user.username,
                "sasl.password": user.password,
            }
        return options


def _addresses(broker: str | Sequence[str]) -> list[str]:
    """`host:port` of each broker. Raises `Unsupported` for a transport that is not ours, `ValueError` for none."""
    texts = [broker] if isinstance(broker, str) else broker
    urls = [url.strip() for text in texts for url in str(text).replace(",", ";").split(";") if url.strip()]
    if not urls:
        raise ValueError('broker is empty: name one, such as "kafka://127.0.0.1:9092"')
    return [_address(url) for url in urls]


def _address(url: str) -> str:
    scheme, found, rest = url.partition("://")
    if found and scheme not in SCHEMES:
        raise Unsupported(f"broker {url}: of Faust's transports only kafka:// is here")
    address = (rest if found else url).rstrip("/")
    host, colon, port = address.rpartition(":")
    has_port = bool(colon) and port.isdigit() and not host.endswith(":")
    return address if has_port else f"{address}:{DEFAULT_PORT}"

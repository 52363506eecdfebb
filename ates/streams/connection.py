"""How to reach a cluster, given once: the options of both clients (aiokafka and librdkafka) are derived from it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from ates.streams.unsupported import Unsupported

DEFAULT_PORT = 9092

# Faust's names for its transports; each is answered with ours.
SCHEMES = ("kafka", "aiokafka")

BEARER = "OAUTHBEARER"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of the cluster (SASL), TLS, or both. `ca`: a file of certificates to trust instead of the system's.

    `certificate` and `key` are files too, for clusters that know their clients by certificate; the key has no
    passphrase. `token` is for OAUTHBEARER in the place of a password: it returns a bearer token and the moment when
    that expires (seconds since 1970), and runs in a thread.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    mechanism: str = "SCRAM-SHA-512"
    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""
    token: Callable[[], tuple[str, float]] | None = field(default=None, repr=False)

    @property
    def protocol(self) -> str:
        """Kafka's name for it."""
        wire = "SSL" if self.tls else "PLAINTEXT"
        return f"SASL_{wire}" if self.username or self.token else wire

    def tls_context(self) -> ssl.SSLContext:
        """Raises `OSError` when a file cannot be read."""
        context = ssl.create_default_context(cafile=self.ca or None)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None, password="")  # never ask at the terminal
        return context

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments of aiokafka's clients. Raises `OSError` as `tls_context` does."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.tls:
            options["ssl_context"] = self.tls_context()
        if self.token:
            options |= {"sasl_mechanism": BEARER, "sasl_oauth_token_provider": _TokenProvider(self.token)}
        elif self.username:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return options

    def producer_options(self) -> dict[str, Any]:
        """The same as settings of librdkafka."""
        options: dict[str, Any] = {"security.protocol": self.protocol}
        files = {
            "ssl.ca.location": self.ca,
            "ssl.certificate.location": self.certificate,
            "ssl.key.location": self.key,
        }
        if self.tls:
            options |= {name: file for name, file in files.items() if file}
        if token := self.token:
            options |= {"sasl.mechanism": BEARER, "oauth_cb": lambda _config: token()}
        elif self.username:
            options |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        return options


class _TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """aiokafka asks it at each connection, and retries after Kafka's own errors alone."""

    def __init__(self, token: Callable[[], tuple[str, float]]) -> None:
        self._token = token

    async def token(self) -> str:
        try:
            return (await asyncio.to_thread(self._token))[0]
        except Exception as error:
            raise KafkaConnectionError(f"no bearer token: {error}") from error


class Connection:
    """`broker`: one address or several, as `kafka://host:port`, separated by `;` or `,`, or in a list."""

    def __init__(self, broker: str | Sequence[str], credentials: Credentials | None = None) -> None:
        self.brokers = _addresses(broker)
        user = credentials or Credentials()
        self.client_options = {"bootstrap_servers": self.brokers, **user.client_options()}
        self.producer_options = {"bootstrap.servers": ",".join(self.brokers), **user.producer_options()}


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

"""Why a server cannot be reached. Kafka's clients retry without a reason; one connection of our own learns it.

A refused login is an outage with a code of its own. A certificate that is not trusted is none: waiting mends nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from ates.domain.errors import AtesError, Unavailable
from ates.platform import tls
from ates.platform.db.pool import reachable
from ates.platform.kafka import client_options, credentials
from ates.platform.settings import Settings
from ates.retry import until_available

SECONDS = 3.0

T = TypeVar("T")

_REFUSED = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)


async def kafka(settings: Settings) -> None:
    """Connect to a bootstrap server and log in.

    Raises `Unavailable` (`kafka_unavailable`, `kafka_unauthorized`) and `SettingsError` (`certificate_untrusted`).
    """
    options = client_options(settings)
    if bearer := credentials(settings).token:
        await asyncio.to_thread(bearer)  # raises by name where there is none
    failed: Exception = ConnectionError("no bootstrap server")
    for host, port, _ in collect_hosts(options.pop("bootstrap_servers")):
        try:
            async with asyncio.timeout(SECONDS):
                await _ask(host, port, options)
        except (KafkaError, OSError, TimeoutError) as error:
            failed = error
        else:
            return
    raise _explained(settings, failed) from failed


async def _ask(host: str, port: int, options: Mapping[str, Any]) -> None:
    connection = await create_conn(host, port, request_timeout_ms=int(SECONDS * 1000), **options)
    try:
        answer = await connection.send(MetadataRequest([]))
        refused = not answer.brokers
    except KafkaConnectionError:
        if options.get("sasl_mechanism") != "OAUTHBEARER":
            raise
        refused = True
    finally:
        connection.close()
    if refused:
        # aiokafka does not look at the answer to a token. The broker answers the next request with nothing, and closes.
        raise AuthenticationFailedError("the token was refused")


def _explained(settings: Settings, error: Exception) -> AtesError:
    if found := tls.refused(error):
        return tls.untrusted(f"Kafka at {settings.kafka}", "ATES_KAFKA_CA", found)
    if isinstance(error, _REFUSED):
        shown = (
            "the token"
            if settings.kafka_sasl_mechanism == "OAUTHBEARER"
            else "ATES_KAFKA_USERNAME and ATES_KAFKA_PASSWORD"
        )
        detail = f"Kafka at {settings.kafka} refuses {shown}"
        return Unavailable("kafka_unauthorized", detail)
    return _away(settings, error)


def _away(settings: Settings, error: object) -> Unavailable:
    return Unavailable("kafka_unavailable", f"Kafka at {settings.kafka}: {error or type(error).__name__}")


async def reason(settings: Settings, error: object) -> AtesError:
    """The reason of a client's `error`: the login or the certificate where it is one of them."""
    try:
        await kafka(settings)
    except AtesError as found:
        if found.code != "kafka_unavailable":
            return found
    return _away(settings, error if str(error) else type(error).__name__)


def reason_for_thread(settings: Settings, error: object) -> AtesError:
    """The same for code that blocks, whether or not an event loop runs in its thread."""
    return _in_thread(reason(settings, error))


def _in_thread(answer: Coroutine[Any, Any, T]) -> T:
    """Leaves this thread without a trace of an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, answer).result()


class Arrival:
    """The first connection to Kafka. `reason` says why there is none yet; empty afterwards."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.reason = "Kafka was not reached yet"

    async def wait(self) -> None:
        """Wait until there was one, saying why, for as long as it takes. Raises `SettingsError`."""
        await until_available(self._attempt, "Kafka", None)

    async def _attempt(self) -> None:
        try:
            await kafka(self._settings)
        except AtesError as error:
            self.reason = error.detail
            raise
        self.reason = ""


def trust(settings: Settings) -> None:
    """Look at the certificates of the servers that answer, before a process makes its own event loop.

    Raises `SettingsError` (`certificate_untrusted`).
    """
    _in_thread(_trust(settings))


async def _trust(settings: Settings) -> None:
    if settings.kafka and settings.kafka_security.endswith("SSL"):
        with suppress(Unavailable):
            await kafka(settings)
    if settings.registry.startswith("https:"):
        await _trust_registry(settings)
    if "sslmode=verify" in settings.postgres:
        with suppress(Unavailable), reachable():
            connection = await asyncpg.connect(settings.postgres, timeout=SECONDS)
            connection.terminate()


async def _trust_registry(settings: Settings) -> None:
    parts = urlsplit(settings.registry)
    context = tls.trusting("ATES_REGISTRY_CA", settings.registry_ca)
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
            writer.close()
    except (OSError, TimeoutError) as error:
        if found := tls.refused(error):
            raise tls.untrusted(f"schema registry {settings.registry}", "ATES_REGISTRY_CA", found) from error

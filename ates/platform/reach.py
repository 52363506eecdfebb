"""Why Kafka cannot be reached. Its clients retry without a reason; one connection of our own learns it.

A refused login is an outage with a code of its own. A certificate that is not trusted is none: waiting mends nothing.
"""

from __future__ import annotations

import asyncio
import ssl
import threading

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from ates.domain.errors import AtesError, SettingsError, Unavailable
from ates.platform.kafka import client_options
from ates.platform.settings import Settings
from ates.retry import until_available

SECONDS = 3.0
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
    failed: Exception = ConnectionError("no bootstrap server")
    for host, port, _ in collect_hosts(options.pop("bootstrap_servers")):
        try:
            async with asyncio.timeout(SECONDS):
                (await create_conn(host, port, request_timeout_ms=int(SECONDS * 1000), **options)).close()
        except (KafkaError, OSError, TimeoutError) as error:
            failed = error
        else:
            return
    raise _explained(settings, failed) from failed


def _explained(settings: Settings, error: Exception) -> AtesError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return untrusted(f"Kafka at {settings.kafka}", "ATES_KAFKA_CA", error)
    if isinstance(error, _REFUSED):
        detail = f"Kafka at {settings.kafka} refuses ATES_KAFKA_USERNAME and ATES_KAFKA_PASSWORD"
        return Unavailable("kafka_unauthorized", detail)
    return _away(settings, error)


def untrusted(server: str, setting: str, error: ssl.SSLCertVerificationError) -> SettingsError:
    """The certificate of `server` is not signed by who `setting` names."""
    return SettingsError("certificate_untrusted", f"{server}: {error.verify_message}; {setting} says whom to trust")


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
    found: list[AtesError] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(reason(settings, error))))
    thread.start()
    thread.join()
    return found[0]


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

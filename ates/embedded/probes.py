"""Is it ready? Each probe asks a process what its users will ask, and gives "" or the reason why not.

Raw sockets and the standard library: the supervisor and `ates status` stay small and quick.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import struct
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from http.client import HTTPException

from ates.domain.errors import AtesError
from ates.platform.settings import Settings

Probe = Callable[[], Awaitable[str]]

_TIMEOUT_SECONDS = 3.0
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def http(url: str, authorization: str = "", seconds: float = _TIMEOUT_SECONDS, ca: str = "") -> Probe:
    """Ready on any 2xx; an aTES process says its reason in the body of a 503.

    authorization: the header by which it logs in; ca: a file of certificates
    """

    async def probe() -> str:
        return await asyncio.to_thread(_get, url, authorization, seconds, ca)

    return probe


def _get(url: str, authorization: str, seconds: float, ca: str) -> str:
    request = urllib.request.Request(url)  # noqa: S310 (settings accept http and https only)
    if authorization:
        request.add_header("Authorization", authorization)
    try:
        with _opener(ca).open(request, timeout=seconds):
            return ""
    except urllib.error.HTTPError as error:
        return _reason(error.read()) or f"answers {error.code}"
    except OSError as error:
        return _in_words(error)
    except HTTPException as error:  # it ended in the middle of its answer, or is no HTTP server
        return type(error).__name__


def _opener(ca: str) -> urllib.request.OpenerDirector:
    if not ca:
        return _direct
    trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca))
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), trusting)


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["reason"])
    except (ValueError, KeyError, TypeError):
        return ""


def _in_words(error: OSError) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ConnectionRefusedError):
        return "not listening"
    if isinstance(cause, TimeoutError):
        return "no answer"
    return str(cause) or type(cause).__name__


def kafka(host: str, port: int, user: str = "", password: str = "") -> Probe:
    """Ready when a Metadata request names a broker: the broker is registered and not fenced.

    With a user, it is asked as that user, by SASL's mechanism PLAIN.
    """

    async def probe() -> str:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return "" if await _count_brokers(host, port, user, password) else "no broker registered yet"
        except (OSError, asyncio.IncompleteReadError) as error:
            return _in_words(error) if isinstance(error, OSError) else "connection closed"

    return probe


async def _count_brokers(host: str, port: int, user: str, password: str) -> int:
    """Kafka's protocol, as https://kafka.apache.org/protocol has it; raises `ConnectionError` for a wrong password."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        if user:
            handshake = _text("PLAIN")
            (refused,) = struct.unpack_from(">h", await _ask(reader, writer, 17, 1, handshake), 4)
            token = f"\0{user}\0{password}".encode()
            answer = await _ask(reader, writer, 36, 0, struct.pack(">i", len(token)) + token)
            if refused or struct.unpack_from(">h", answer, 4)[0]:
                raise ConnectionError("the broker refuses its password")
        # No topics: an empty array.
        answer = await _ask(reader, writer, 3, 1, struct.pack(">i", 0))
        return int(struct.unpack_from(">i", answer, 4)[0])
    finally:
        writer.close()


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: int, version: int, body: bytes
) -> bytes:
    """The answer to a request of this api key and version, from its correlation id on."""
    request = struct.pack(">hhi", key, version, 0) + _text("ates-probe") + body
    writer.write(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


def kafka_cluster(settings: Settings) -> Probe:
    """Ready when a cluster of somebody else's takes our login, with its security settings."""

    async def probe() -> str:
        from ates.platform import reach

        try:
            await reach.kafka(settings)
        except AtesError as error:
            return error.detail
        return ""

    return probe


def postgres(dsn: str) -> Probe:
    """Ready when `SELECT 1` answers."""

    async def probe() -> str:
        import asyncpg

        try:
            connection = await asyncpg.connect(dsn, timeout=_TIMEOUT_SECONDS)
        except (OSError, asyncpg.PostgresError) as error:
            return _in_words(error) if isinstance(error, OSError) else str(error)
        try:
            await connection.fetchval("SELECT 1", timeout=_TIMEOUT_SECONDS)
        finally:
            await connection.close(timeout=_TIMEOUT_SECONDS)
        return ""

    return probe


def port(host: str, port_number: int) -> Probe:
    """Ready when something accepts a connection, for servers that have no better question."""

    async def probe() -> str:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                _, writer = await asyncio.open_connection(host, port_number)
                writer.close()
        except OSError as error:
            return _in_words(error)
        return ""

    return probe

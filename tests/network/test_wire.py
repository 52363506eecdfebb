"""A proxied link does what a network does: it carries, delays, breaks, and delivers late what it swallowed."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from .wire import LOOPBACK, State, Wire, translator

Ends = tuple[Wire, list[bytes], int]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """A link, what its server has read, and the port of its proxy. The server answers with what it read."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(100):
            seen.append(chunk)
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(answer, LOOPBACK, 0)
    wire = Wire(server.sockets[0].getsockname()[1])
    yield wire, seen, await wire.listen()
    await wire.close()
    server.close()


async def test_a_sound_link_carries_both_ways(ends: Ends) -> None:
    wire, _, port = ends
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    assert wire.carried == 10
    writer.close()


async def test_a_broken_link_ends_connections_and_takes_no_new_ones(ends: Ends) -> None:
    wire, _, port = ends
    before, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(b"hello")
    await before.readexactly(5)
    wire.become(State.BROKEN)
    after, _ = await asyncio.open_connection(LOOPBACK, port)
    for reader in (before, after):
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)


async def test_a_black_hole_delivers_late_what_its_sender_has_given_up(ends: Ends) -> None:
    wire, seen, port = ends
    wire.become(State.BLACK_HOLE)
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(b"late")
    await writer.drain()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), 0.1)
    writer.close()
    assert not seen
    wire.become(State.SOUND)
    async with asyncio.timeout(10):
        while not seen:  # noqa: ASYNC110 (the server is another task)
            await asyncio.sleep(0.01)
    assert seen == [b"late"]


def test_a_broker_is_named_by_its_proxy() -> None:
    named = LOOPBACK.encode() + struct.pack(">i", 9092)
    assert translator({9092: 1234})(b"broker 1 at " + named + b" rack") == (
        b"broker 1 at " + LOOPBACK.encode() + struct.pack(">i", 1234) + b" rack"
    )

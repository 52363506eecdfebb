"""A TCP proxy before one server, for the connections of one process: sound, slow, broken, or a black hole.

A black hole keeps what it is given: it arrives when the link is sound again, though its sender may have given up long
ago, as packets do that are sent again. Kafka tells its clients the addresses to go on with; in its answers they become
the proxies' own.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum

from . import frames

LOOPBACK = "127.0.0.1"
CHUNK = 1 << 16
SLOW_SECONDS = 0.1
_BROKEN = (asyncio.IncompleteReadError, ConnectionError, OSError)


class State(Enum):
    """Of a link."""

    SOUND = "sound"
    SLOW = "slow"
    BROKEN = "broken"
    BLACK_HOLE = "black hole"

    @property
    def is_fault(self) -> bool:
        return self is not State.SOUND


class Wire:
    """To the server at `port`. Its state holds for both directions of every connection. `translate`: each answer of a
    server of frames. `carried`: bytes so far."""

    def __init__(self, port: int, translate: Callable[[bytes], bytes] | None = None) -> None:
        self.carried = 0
        self.port = port
        self._translate = translate
        self._state = State.SOUND
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self) -> int:
        """The port of ours."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, limit=frames.LIMIT)
        return int(self._server.sockets[0].getsockname()[1])

    def become(self, state: State) -> None:
        """Whatever is under way meets the new state too."""
        self._state = state
        if state is State.BLACK_HOLE:
            self._open.clear()
        else:
            self._open.set()
        if state is State.BROKEN:
            for connection in self._connections:
                connection.cancel()

    async def close(self) -> None:
        """Break all connections."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            with suppress(*_BROKEN):
                await self._connect(reader, writer)
        except asyncio.CancelledError:
            pass  # asyncio would tell of it as of an error
        finally:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state is State.BROKEN:
            return
        there_reader, there_writer = await asyncio.open_connection(LOOPBACK, self.port, limit=frames.LIMIT)
        back = self._frames if self._translate else self._bytes
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._bytes(reader, there_writer))
                group.create_task(back(there_reader, writer))
        except BaseExceptionGroup:
            pass  # either side has ended: so does the other
        finally:
            there_writer.transport.abort()

    async def _bytes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            await self._pass(chunk, writer)
        raise ConnectionError("the end")

    async def _frames(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._translate is not None
        while True:
            body = self._translate(await frames.read(reader))
            await self._pass(struct.pack(">i", len(body)) + body, writer)

    async def _pass(self, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        if self._state is State.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        await self._open.wait()
        self.carried += len(chunk)
        writer.write(chunk)
        await writer.drain()


def translator(ports: Mapping[int, int]) -> Callable[[bytes], bytes]:
    """Puts other ports in the place of the brokers' own, in any answer of Kafka: a host is followed by its port.
    `ports` may grow later."""
    host = LOOPBACK.encode()

    def translate(answer: bytes) -> bytes:
        for theirs, ours in ports.items():
            answer = answer.replace(host + struct.pack(">i", theirs), host + struct.pack(">i", ours))
        return answer

    return translate

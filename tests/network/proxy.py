"""The network between one client and the brokers: connections that go through here, frame by frame."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from aiokafka import client as aiokafka_client

from . import frames
from .fate import Fate, Fates, What
from .frames import Request

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 10.0
_BROKEN = (asyncio.IncompleteReadError, ConnectionError, OSError)


@dataclass
class Late:
    """A request on its way, whose sender has given its connection up. `left` others come before it."""

    request: Request
    left: int
    link: Link
    answer: bytes = b""

    @property
    def code(self) -> str:
        """The error code that it was answered with."""
        return frames.code(self.request, self.answer)


@dataclass
class Network:
    """`fates` decide; `done` counts what became of requests. Those that are `late` arrive in their turn, or all before
    the request `late_before` (kind, and how many of its kind came before it); then they are in `arrived`."""

    fates: Fates = field(default_factory=Fates)
    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    arrived: list[Late] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    late_before: tuple[str, int] | None = None
    _ports: dict[tuple[str, int], int] = field(default_factory=dict)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _links: set[asyncio.Task[None]] = field(default_factory=set)

    async def listen(self, host: str, port: int, at: int = 0) -> int:
        """The port of ours (`at`, or a free one) whose connections go on to the broker at `host`:`port`."""
        if (host, port) not in self._ports:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.current_task()
                assert task is not None
                self._links.add(task)
                task.add_done_callback(self._links.discard)
                with suppress(asyncio.CancelledError):  # asyncio would tell of it as of an error
                    await Link(self, reader, writer).run(host, port)

            server = await asyncio.start_server(serve, LOOPBACK, at, limit=frames.LIMIT)
            self._servers.append(server)
            self._ports[host, port] = server.sockets[0].getsockname()[1]
        return self._ports[host, port]

    async def tick(self, request: Request) -> None:
        """`request` is about to arrive: before it the late ones whose turn it is."""
        if self.late_before == (request.kind, self.fates.seen[request.kind] - 1):
            await self.arrive_all()
        elif request.kind in frames.WRITING:
            for late in self.late:
                late.left -= 1
            await self._arrive([late for late in self.late if late.left <= 0])

    async def arrive_all(self) -> None:
        """All that is late arrives now."""
        await self._arrive(list(self.late))

    async def _arrive(self, due: list[Late]) -> None:
        self.late = [late for late in self.late if late not in due]
        for late in due:
            late.answer = await late.link.deliver_late(late.request)
            self.arrived.append(late)

    async def close(self) -> None:
        """Break all connections."""
        for server in self._servers:
            server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)


class Link:
    """One connection of a client, and ours to the broker in its place."""

    def __init__(self, network: Network, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._network = network
        self._reader = reader
        self._writer = writer
        self._broker: asyncio.StreamWriter | None = None
        self._unanswered: set[int] = set()
        self._late: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def run(self, host: str, port: int) -> None:
        """Until either side ends, or fate does it."""
        try:
            reader, self._broker = await asyncio.open_connection(host, port, limit=frames.LIMIT)
        except OSError:
            self._writer.transport.abort()
            return
        back = asyncio.ensure_future(self._back(reader))
        try:
            with suppress(*_BROKEN):
                await self._forth(self._broker)
            self._writer.transport.abort()
            if self._is_held():
                await asyncio.wait({self._late})
        finally:
            back.cancel()
            self._writer.transport.abort()
            self._broker.close()

    def _is_held(self) -> bool:
        return any(late.link is self for late in self._network.late)

    async def _forth(self, broker: asyncio.StreamWriter) -> None:
        """Requests to the broker, until one breaks the connection."""
        while True:
            request = frames.parse(await frames.read(self._reader))
            fate = self._network.fates.of(request)
            self._network.done[request.kind, fate.what.name] += 1
            if fate.what is What.LATE:
                self._network.late.append(Late(request, fate.later, self))
                return
            if fate.what is What.LOST:
                return
            await self._pass(request, fate, broker)

    async def _pass(self, request: Request, fate: Fate, broker: asyncio.StreamWriter) -> None:
        if fate.what is What.SWALLOWED:
            return
        if fate.what is What.SLOW:
            await asyncio.sleep(fate.seconds)
        if fate.what is What.UNANSWERED:
            self._unanswered.add(_correlation(request.body[4:]))
        await self._network.tick(request)
        await frames.write(broker, request.body)

    async def deliver_late(self, request: Request) -> bytes:
        """To the broker, whose answer is nobody's any more; empty when there is none."""
        assert self._broker is not None
        self._unanswered.add(_correlation(request.body[4:]))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await frames.write(self._broker, request.body)
                return await asyncio.shield(self._late)
        except (TimeoutError, *_BROKEN):
            return b""
        finally:
            self._late.cancel()

    async def _back(self, reader: asyncio.StreamReader) -> None:
        unsent = b""
        with suppress(*_BROKEN):
            while True:
                answer = await frames.read(reader)
                if _correlation(answer) in self._unanswered:
                    unsent = answer
                    break
                if not self._writer.transport.is_closing():
                    await frames.write(self._writer, answer)
        self._writer.transport.abort()
        if not self._late.done():
            self._late.set_result(unsent)


def _correlation(read: bytes) -> int:
    (number,) = struct.unpack(">i", read[:4])
    return int(number)


_over: ContextVar[Network | None] = ContextVar("network", default=None)


@contextmanager
def over(network: Network) -> Iterator[None]:
    """All connections that aiokafka's clients make in this task, and in tasks that begin in here, go over `network`."""
    token = _over.set(network)
    try:
        yield
    finally:
        _over.reset(token)


@contextmanager
def redirected() -> Iterator[None]:
    """Let `over` have its effect."""
    create = aiokafka_client.create_conn

    async def create_over(host: str, port: int, **options: Any) -> Any:
        if (network := _over.get()) is None:
            return await create(host, port, **options)
        return await create(LOOPBACK, await network.listen(host, port), **options)

    with patch.object(aiokafka_client, "create_conn", create_over):
        yield

"""Frames of Kafka's protocol: a length, and what is needed of a request's header."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from io import BytesIO

from aiokafka.protocol.api import ResponseHeader_v1

from ates.streams.privates.transactions import messages

KINDS = {
    0: "Produce",
    1: "Fetch",
    3: "Metadata",
    10: "FindCoordinator",
    18: "ApiVersions",
    22: "InitProducerId",
    24: "AddPartitionsToTxn",
    25: "AddOffsetsToTxn",
    26: "EndTxn",
    28: "TxnOffsetCommit",
}
WRITING = ("Produce", "TxnOffsetCommit", "EndTxn", "InitProducerId")
"""The kinds of which a late one could do harm."""

LIMIT = 1 << 24


@dataclass(frozen=True, slots=True)
class Request:
    """`kind` by name, `version` of it, `body` all bytes after the length."""

    kind: str
    version: int
    body: bytes


def parse(body: bytes) -> Request:
    """A request's header: API key, its version."""
    key, version = struct.unpack(">hh", body[:4])
    return Request(KINDS.get(key, f"request {key}"), version, body)


async def read(reader: asyncio.StreamReader) -> bytes:
    """One frame. Raises `IncompleteReadError` or `ConnectionError` at the end of the connection."""
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


async def write(writer: asyncio.StreamWriter, body: bytes) -> None:
    """One frame."""
    writer.write(struct.pack(">i", len(body)) + body)
    await writer.drain()


def code(request: Request, answer: bytes) -> str:
    """The error code in the answer to a request of the second protocol; `none` when there was no answer."""
    if not answer:
        return "none"
    read = BytesIO(answer)
    ResponseHeader_v1.decode(read)
    body = getattr(messages, request.kind)._CLASSES[0].RESPONSE_TYPE.decode(read)
    if request.kind in ("EndTxn", "InitProducerId"):
        return str(body.code)
    return ",".join(str(code) for _, partitions, *_ in body.topics for _, code, *_ in partitions)

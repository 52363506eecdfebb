"""Records whose header names are no UTF-8: anybody can write them, and aiokafka 0.14 fails at the first, for ever.

A broker takes any bytes for a header's name. aiokafka decodes names strictly while it iterates over a fetched batch,
so no reader gets past such a record. Here the rest of the batch is then read again with U+FFFD for what cannot be
decoded, as Java's clients do.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import methodcaller
from struct import unpack_from
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH_AT, _HEAD_BYTES = 8, 12  # of a batch: its base offset, then the length of what follows both


Headers = list[tuple[str, bytes | None]]


# With a name that is no UTF-8 the client returns a list and leaves an exception behind. Python's own fast path for
# calls does not look at that, and the exception comes up at a later, innocent call; this way of calling looks.
_headers = methodcaller("headers")


def headers_of(message: Any) -> Headers:
    """The headers of one of confluent_kafka's messages. That client gives none of them when a name is no UTF-8: then
    there is one, without value, under the name U+FFFD."""
    try:
        return _headers(message) or []
    except (UnicodeDecodeError, SystemError):
        return [("\ufffd", None)]


class LenientRecords:
    """aiokafka's `MemoryRecords`, with batches that can be read whatever their headers are called."""

    def __init__(self, data: bytes) -> None:
        self._records = MemoryRecords(data)
        self._data = data
        self._at = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> Any:
        """The next batch, None after the last."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        start = self._at
        (length,) = unpack_from(">i", self._data, start + _LENGTH_AT)
        self._at = start + _HEAD_BYTES + length
        return _LenientBatch(batch, memoryview(self._data)[start : self._at])


class _LenientBatch:
    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        last = -1
        try:
            for record in self._batch:
                last = record.offset
                yield record
        except UnicodeDecodeError:
            yield from (record for record in self._again() if record.offset > last)

    def _again(self) -> Iterator[Any]:
        batch = _DefaultRecordBatchPy(bytearray(self._data))
        batch._maybe_uncompress()
        batch._buffer = _LenientBytes(batch._buffer)
        return iter(batch)


class _LenientBytes(bytearray):
    """Bytes any part of which can be decoded."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _LenientBytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        """U+FFFD for what is no UTF-8."""
        return super().decode(encoding, "replace")


# Every consumer of a process that imports this reads so.
fetcher.MemoryRecords = LenientRecords

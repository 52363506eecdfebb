"""Rows set aside on disk by their key, so that memory holds one bucket at a time: a 2048th of them, about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from struct import Struct
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import msgspec

BUCKETS = 2048
_ROWS = 10
_CHUNK = Struct("<QQ")


class Buckets:
    """Rows (lists that begin with their key) come out bucket by bucket, those of a key together and in their order.

    A temporary file without a name: it is gone when the process is. A bucket lies in it in chunks between others', each
    beginning with where the bucket's chunk before it lies: memory holds where the last one of each lies.
    """

    def __init__(self, buckets: int = BUCKETS) -> None:
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 -- closed by __exit__
        self._size = 0
        self._waiting: list[list[Any]] = [[] for _ in range(buckets)]
        self._last = [(0, 0)] * buckets  # chunk of each: where it begins, its size
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder().decode

    def put(self, row: tuple[Any, ...]) -> None:
        """Set a row aside."""
        number = hash(row[0]) % len(self._waiting)
        waiting = self._waiting[number]
        waiting.append(row)
        if len(waiting) >= _ROWS:
            self._write(number)

    def _write(self, number: int) -> None:
        chunk = _CHUNK.pack(*self._last[number]) + self._encode(self._waiting[number])
        self._file.write(chunk)
        self._last[number] = (self._size, len(chunk))
        self._size += len(chunk)
        self._waiting[number].clear()

    def each(self) -> Iterator[Iterator[list[Any]]]:
        """Each bucket once, when everything has been put."""
        for number in range(len(self._waiting)):
            self._write(number)
        self._file.flush()
        for last in self._last:
            yield self._rows(*last)

    def _rows(self, begin: int, size: int) -> Iterator[list[Any]]:
        chunks = []
        while size:
            chunks.append(os.pread(self._file.fileno(), size, begin))
            begin, size = _CHUNK.unpack_from(chunks[-1])
        for chunk in reversed(chunks):
            yield from self._decode(memoryview(chunk)[_CHUNK.size :])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

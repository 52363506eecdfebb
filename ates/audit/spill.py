"""Rows set aside on disk by their key, so that memory holds one bucket at a time: a 2048th of them, about."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import msgspec

BUCKETS = 2048
_ROWS = 10


class Spill:
    """Rows (lists that begin with their key) come out bucket by bucket, those of a key together and in their order.

    A temporary file without a name: it is gone when the process is. Buckets lie in it in chunks, each beside others'.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 -- closed by __exit__
        self._size = 0
        self._waiting: list[list[Any]] = [[] for _ in range(BUCKETS)]
        self._chunks = [array("Q") for _ in range(BUCKETS)]  # of each: where it begins, its size, and so on
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder().decode

    def put(self, row: tuple[Any, ...]) -> None:
        """Set a row aside."""
        number = hash(row[0]) % BUCKETS
        waiting = self._waiting[number]
        waiting.append(row)
        if len(waiting) >= _ROWS:
            self._write(number)

    def _write(self, number: int) -> None:
        chunk = self._encode(self._waiting[number])
        self._file.write(chunk)
        self._chunks[number].extend((self._size, len(chunk)))
        self._size += len(chunk)
        self._waiting[number].clear()

    def buckets(self) -> Iterator[Iterator[list[Any]]]:
        """Each bucket once, when everything has been put."""
        for number in range(BUCKETS):
            self._write(number)
        self._file.flush()
        for chunks in self._chunks:
            yield self._rows(chunks)

    def _rows(self, chunks: array[int]) -> Iterator[list[Any]]:
        for begin, size in zip(chunks[::2], chunks[1::2], strict=True):
            yield from self._decode(os.pread(self._file.fileno(), size, begin))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

"""Rows set aside on disk by their key, so that memory holds one bucket at a time: a 64th of them, about."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import msgspec

BUCKETS = 64
_ROWS = 1000


class Spill:
    """Rows (lists that begin with their key) come out bucket by bucket, those of a key together and in their order.

    Temporary files without a name: they are gone when the process is.
    """

    def __init__(self) -> None:
        self._files: list[IO[bytes]] = [TemporaryFile() for _ in range(BUCKETS)]  # noqa: SIM115 -- closed by __exit__
        self._waiting: list[list[Any]] = [[] for _ in range(BUCKETS)]
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
        self._files[number].write(len(chunk).to_bytes(8) + chunk)
        self._waiting[number].clear()

    def buckets(self) -> Iterator[Iterator[list[Any]]]:
        """Each bucket once, when everything has been put."""
        for number, file in enumerate(self._files):
            self._write(number)
            file.seek(0)
            yield self._rows(file)
            file.close()

    def _rows(self, file: IO[bytes]) -> Iterator[list[Any]]:
        while size := file.read(8):
            yield from self._decode(file.read(int.from_bytes(size)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._files:
            file.close()

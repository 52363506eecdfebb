"""Which record is being handled, in a file that outlives the process: a record that ends its worker can be named.

A handler or a decoder that never returns, or takes the process down, leaves no exception behind. So before each record
its offset is written to a small mapped file of the partition (no system call), and taken back after it. A
file that names a record when its partition is opened tells how the last life ended. After `LIVES` ends at one record
this gets a dead letter, and the partition goes on.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from struct import Struct
from typing import Any

LIVES = 3

_RECORD = Struct("=q")  # the record under way
_ENDS = Struct("=qq")  # the record at which lives ended, and how many of them
_ENDS_AT = 8
_SIZE = _ENDS_AT + _ENDS.size
NONE = -1

_WHOLE, _PARTS = 1 << 20, 8


class EndedItsWorker(Exception):
    """The process ended, `LIVES` times, while this record was handled."""

    code = "ended_its_worker"

    def __init__(self) -> None:
        super().__init__(f"the worker ended {LIVES} times while it handled this record; its log says how")


class UnderWay:
    """`at`: the record under way, or the last one that was. Without `path` nothing outlives the process."""

    def __init__(self, path: Path | None = None) -> None:
        self.at = NONE
        self._file: Any = bytearray(_SIZE) if path is None else _mapped(path)
        self._write = _RECORD.pack_into
        if path is None:
            self.ended()
        self._died_at, self.deaths = self._last_life()

    def _last_life(self) -> tuple[int, int]:
        (record,) = _RECORD.unpack_from(self._file, 0)
        died_at, deaths = _ENDS.unpack_from(self._file, _ENDS_AT)
        if record != NONE:
            died_at, deaths = record, deaths + 1 if record == died_at else 1
            _ENDS.pack_into(self._file, _ENDS_AT, died_at, deaths)
            self.ended()
        return died_at, deaths

    def begin(self, offset: int) -> None:
        """The record at `offset` is about to be handled."""
        self.at = offset
        self._write(self._file, 0, offset)

    def ended(self) -> None:
        """Nothing is handled any more."""
        self._write(self._file, 0, NONE)

    def passed(self, offset: int) -> None:
        """All before `offset` has taken effect."""
        if self.deaths and offset > self._died_at:
            self.deaths = 0
            _ENDS.pack_into(self._file, _ENDS_AT, NONE, 0)

    @property
    def doomed(self) -> Mapping[int, Exception]:
        """The record that is not to be handled any more, and why."""
        return {self._died_at: EndedItsWorker()} if self.deaths >= LIVES else {}

    @property
    def notice(self) -> str:
        """A warning; empty when there is nothing."""
        if not self.deaths:
            return ""
        end = "it gets a dead letter" if self.deaths >= LIVES else f"after {LIVES} it gets a dead letter"
        return f"the worker ended {self.deaths} times while it handled offset {self._died_at}; {end}"


class Isolation:
    """After a failure a batch is handled in parts, smaller each time, until a single record is left to blame."""

    def __init__(self) -> None:
        self.size = _WHOLE

    def failed(self, records: int) -> None:
        """A part of so many `records` failed."""
        self.size = max(1, records // _PARTS)

    def done(self) -> None:
        """A part took effect; the next may be larger."""
        self.size = min(_WHOLE, self.size * _PARTS)


def _mapped(path: Path) -> mmap.mmap:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < _SIZE:
            os.pwrite(descriptor, _RECORD.pack(NONE) + _ENDS.pack(NONE, 0), 0)
        return mmap.mmap(descriptor, _SIZE)
    finally:
        os.close(descriptor)

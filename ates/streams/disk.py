"""Stores on the local disk, in RocksDB: a worker that starts again reads on where its disk stands.

One database for each source partition holds all of its tables. A row's key is `table NUL key`, its value the JSON that
is in the changelog too. Each write is one batch that also holds the table's checkpoint: the changelog that it reflects,
how far, and the source position. So whatever a crash leaves, rows and checkpoint belong together, and the rest is
replayed from the changelog. Nothing waits for the disk: with the write-ahead log a killed process loses nothing, and
after a power failure the last writes may be missing, from the end.

The rows that were used last are kept decoded in memory.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from faust.types import TP
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from ates.streams.effects import TableSpec
from ates.streams.state import Store, StoreFailed

logger = logging.getLogger("ates.streams")

# Another worker on this machine that loses the partition to us needs a moment to let go. A stopped worker
# never does: then we use a directory of our own.
LOCK_SECONDS = 1.0
LOCK_POLL_SECONDS = 0.05

# Twice so many rows of a table are kept decoded: those of the current generation and of the one before.
CACHED_ROWS = 20_000

WRITE_BUFFER_BYTES = 16 << 20
BLOCK_CACHE_BYTES = 64 << 20

# Trouble at opening that says nothing of the database itself.
_NOT_ITS_FAULT = ("No space left", "Too many open files", "Permission denied")

_GONE = object()


class Checkpoint(msgspec.Struct):
    """The point that the rows of a table reflect: see `Store`."""

    changelog: str = ""
    offset: int = 0
    position: int | None = None
    as_of: float = 0.0


class DiskStore:
    """A `Store` in a RocksDB."""

    def __init__(self, database: Database, table: TableSpec) -> None:
        self._database = database
        self._prefix = table.name.encode() + b"\0"
        self._checkpoint_key = b"\0" + table.name.encode()
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(table.value).decode
        self._recent: dict[str, Any] = {}
        self._older: dict[str, Any] = {}
        stored = database.get(self._checkpoint_key)
        checkpoint = msgspec.json.decode(stored, type=Checkpoint) if stored else Checkpoint()
        self.changelog, self.offset, self.position, self.as_of = msgspec.structs.astuple(checkpoint)

    def get(self, key: str) -> Any:
        """The value of `key`, or None."""
        value = self._recent.get(key, _GONE)
        if value is _GONE:
            value = self._older.get(key, _GONE)
            if value is _GONE:
                found = self._database.get(self._prefix + key.encode())
                value = None if found is None else self._decoded(found)
            self._recent[key] = value
            self._age()
        return value

    def items(self, after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Rows with keys greater than `after`, in order."""
        prefix = self._prefix
        first = prefix if after is None else prefix + after.encode() + b"\0"
        for key, value in self._database.items(first):
            if not key.startswith(prefix):
                return
            yield key[len(prefix) :].decode(), self._decoded(value)

    def apply(self, changes: Mapping[str, Any], offset: int, position: int | None = None) -> None:
        """Take committed `changes`."""
        encode = msgspec.json.encode
        self._write(
            ((key.encode(), None if value is None else encode(value)) for key, value in changes.items()),
            Checkpoint(self.changelog, offset, self.position if position is None else position, time.time()),
        )
        self._recent.update(changes)
        self._age()

    def load(self, rows: Iterable[tuple[bytes, bytes | None]], offset: int, position: int | None = None) -> None:
        """Take rows as they stand in the changelog, without a look at them."""
        self._recent, self._older = {}, {}
        self._write(
            rows, Checkpoint(self.changelog, offset, self.position if position is None else position, self.as_of)
        )

    def clear(self, changelog: str) -> None:
        """Begin again, empty."""
        self._recent, self._older = {}, {}
        batch = self._database.batch()
        batch.delete_range(self._prefix, self._prefix[:-1] + b"\1")
        self._finish(batch, Checkpoint(changelog, 0, None, time.time()))

    def _decoded(self, value: bytes) -> Any:
        """Raises `StoreFailed`: what cannot be read here is no fault of the record that asks for it."""
        try:
            return self._decode(value)
        except msgspec.MsgspecError as error:
            raise self._database.unreadable(error) from error

    def _write(self, rows: Iterable[tuple[bytes, bytes | None]], checkpoint: Checkpoint) -> None:
        batch = self._database.batch()
        prefix, put = self._prefix, batch.put
        for key, value in rows:
            if value is None:
                batch.delete(prefix + key)
            else:
                put(prefix + key, value)
        self._finish(batch, checkpoint)

    def _finish(self, batch: WriteBatch, checkpoint: Checkpoint) -> None:
        batch.put(self._checkpoint_key, msgspec.json.encode(checkpoint))
        self._database.write(batch)
        self.changelog, self.offset, self.position, self.as_of = msgspec.structs.astuple(checkpoint)

    def _age(self) -> None:
        if len(self._recent) >= CACHED_ROWS:
            self._older, self._recent = self._recent, {}


class Database:
    """A RocksDB in a locked directory. Raises `StoreFailed`; after that it has to be opened anew."""

    def __init__(self, directory: Path, lock: int) -> None:
        self.failed = self.damaged = False
        self._directory = directory
        self._lock = lock
        path = str(directory / "rocksdb")
        with self._failing():
            try:
                self._rocks = Rdict(path, _options())
            except Exception as error:
                if any(text in str(error) for text in _NOT_ITS_FAULT):
                    raise
                logger.warning("%s cannot be read and is built anew: %s", path, error)
                shutil.rmtree(path)
                self._rocks = Rdict(path, _options())

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        try:
            found: bytes | None = self._rocks.get(key)
        except Exception as error:
            raise self._failure(error) from error
        return found

    def items(self, first: bytes) -> Iterator[tuple[bytes, bytes]]:
        """From key `first` on, in order."""
        with self._failing():
            yield from self._rocks.items(from_key=first)

    @staticmethod
    def batch() -> WriteBatch:
        """A new one for `write`."""
        return WriteBatch(raw_mode=True)

    def write(self, batch: WriteBatch) -> None:
        """All of `batch`, or nothing."""
        with self._failing():
            self._rocks.write(batch)

    def close(self) -> None:
        """Close, delete what is damaged, and unlock the directory."""
        with suppress(Exception):
            self._rocks.close()
        if self.damaged:
            shutil.rmtree(self._directory / "rocksdb", ignore_errors=True)
        os.close(self._lock)

    def unreadable(self, error: Exception) -> StoreFailed:
        """The error to raise when a row makes no sense: it is damaged, and so is all of this."""
        self.damaged = True
        return self._failure(error)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> StoreFailed:
        self.failed = True
        self.damaged = self.damaged or "Corruption" in str(error)
        return StoreFailed(f"{self._directory}: {error}")


class DiskStores:
    """The stores of one source partition, below `root`.

    Only one process may have a directory open. Workers may share `root`: when the partition's directory stays locked,
    because a worker that stands still holds it, we do with a spare one beside it.
    """

    def __init__(self, root: Path, tp: TP, tables: Sequence[TableSpec]) -> None:
        self._directory = root / tp.topic / str(tp.partition)
        self._tables = tables
        self._database: Database | None = None
        self.by_table: Mapping[str, Store] = {}

    async def open(self) -> Mapping[str, Store]:
        """The open stores, unless one of them has failed."""
        if self._database is not None and self._database.failed:
            await self.close()
        if self._database is None and self._tables:
            directory, lock = await self._free_directory()
            try:
                self._database = Database(directory, lock)
            except StoreFailed:
                os.close(lock)
                raise
            self.by_table = {spec.name: DiskStore(self._database, spec) for spec in self._tables}
        return self.by_table

    async def close(self) -> None:
        """Close and unlock."""
        database, self._database, self.by_table = self._database, None, {}
        if database is not None:
            database.close()

    async def _free_directory(self) -> tuple[Path, int]:
        """A directory, and the descriptor that holds its lock."""
        first = self._directory / "0"
        give_up = time.monotonic() + LOCK_SECONDS
        while (lock := _try_to_lock(first)) is None:
            if time.monotonic() > give_up:
                return self._spare_directory()
            await asyncio.sleep(LOCK_POLL_SECONDS)
        self._delete_spares()
        return first, lock

    def _spare_directory(self) -> tuple[Path, int]:
        for number in count(1):
            spare = self._directory / str(number)
            lock = _try_to_lock(spare)
            if lock is not None:
                logger.warning("another process holds the local stores beside %s", spare)
                return spare, lock
        raise AssertionError

    def _delete_spares(self) -> None:
        for spare in self._directory.glob("[1-9]*"):
            lock = _try_to_lock(spare)
            if lock is not None:
                shutil.rmtree(spare, ignore_errors=True)
                os.close(lock)


def delete(root: Path) -> tuple[list[Path], list[Path]]:
    """Delete the stores of all partitions below `root`, except those that a running worker holds: deleted, held."""
    deleted, held = [], []
    for directory in sorted(database.parent for database in root.glob("*/*/*/rocksdb")):
        lock = _try_to_lock(directory)
        if lock is None:
            held.append(directory)
            continue
        shutil.rmtree(directory / "rocksdb")
        os.close(lock)
        deleted.append(directory)
    return deleted, held


def _try_to_lock(directory: Path) -> int | None:
    """A descriptor that holds the lock until it is closed, or the process ends; None when another has it."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@cache
def _block_cache() -> Cache:
    """One for all databases of the process."""
    return Cache(BLOCK_CACHE_BYTES)


def _options() -> Options:
    blocks = BlockBasedOptions()
    blocks.set_block_cache(_block_cache())
    blocks.set_bloom_filter(10, False)  # most handlers ask first whether they have seen an id: mostly not
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_memtable_whole_key_filtering(True)
    options.set_memtable_prefix_bloom_ratio(0.05)
    options.set_keep_log_file_num(1)
    return options

"""Record batches of one transaction: pure, no I/O.

A transaction's records of a partition are numbered from 0 on, in its epoch: the sequence by which the broker knows a
batch that it has already. So a batch may be sent again as long as it keeps its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from struct import unpack_from

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from ates.streams.batch import IN_TURN, Outgoing

Place = tuple[str, int]
"""Topic and partition."""

COMPRESSIONS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

# Below the limit of a topic that sets none (1,048,588 bytes); a larger record travels alone.
BATCH_BYTES = 1_000_000

_MAGIC = 2
_SEED, _MIX, _WORD = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF

_turn = count()


@dataclass(frozen=True, slots=True)
class Identity:
    """A producer id and the epoch of one transaction."""

    producer_id: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Format:
    """`compression`: a number of the record batch's attributes; `timestamp_ms`: of records without one of their own."""

    identity: Identity
    timestamp_ms: int
    compression: int = 0
    batch_bytes: int = BATCH_BYTES


@dataclass(frozen=True, slots=True)
class Batch:
    """`records`, the first of them under `sequence`, and the same as bytes of the protocol."""

    records: Sequence[Outgoing]
    sequence: int
    encoded: bytes


def murmur2_in_python(key: bytes) -> int:
    """Austin Appleby's MurmurHash2 with the seed of Kafka's partitioner, as 32 bits without a sign.

    aiokafka's goes byte by byte, and takes twice as long; the compiled one takes a fiftieth.
    """
    length = len(key)
    found = _SEED ^ length
    for word in unpack_from(f"<{length >> 2}I", key):
        mixed = word * _MIX & _WORD
        found = (found * _MIX ^ (mixed ^ mixed >> 24) * _MIX) & _WORD
    if length & 3:
        found = (found ^ int.from_bytes(key[length & ~3 :], "little")) * _MIX & _WORD
    found = (found ^ found >> 13) * _MIX & _WORD
    return found ^ found >> 15


try:
    from ates.streams._murmur2 import murmur2
except ImportError:  # not built
    murmur2 = murmur2_in_python


def by_place(records: Iterable[Outgoing], partitions: Callable[[str], int]) -> Mapping[Place, list[Outgoing]]:
    """`records` of each partition, in their order; without one, by the key's murmur2 as all Kafka clients have it."""
    found: dict[Place, list[Outgoing]] = {}
    for record in records:
        partition = record.partition
        if partition is None:
            partition = (murmur2(record.key or b"") & 0x7FFFFFFF) % partitions(record.topic)
        elif partition == IN_TURN:
            partition = next(_turn) % partitions(record.topic)
        place = record.topic, partition
        if place in found:
            found[place].append(record)
        else:
            found[place] = [record]
    return found


def build(records: Sequence[Outgoing], format: Format, sequence: int = 0) -> list[Batch]:
    """`records` of one partition in batches within the format's size, the first record under `sequence`."""
    found: list[Batch] = []
    first = 0
    builder = _builder(format, sequence)
    for number, record in enumerate(records):
        headers = list(record.headers)
        time_ms = format.timestamp_ms if record.timestamp_ms is None else record.timestamp_ms
        if builder.append(number - first, time_ms, record.key, record.value, headers) is None:
            found.append(Batch(records[first:number], sequence + first, bytes(builder.build())))
            first = number
            builder = _builder(format, sequence + first)
            builder.append(0, time_ms, record.key, record.value, headers)
    found.append(Batch(records[first:], sequence + first, bytes(builder.build())))
    return found


def halves(batch: Batch, format: Format) -> list[Batch]:
    """The same records in two batches or more, for a topic that takes only smaller ones."""
    middle = len(batch.records) // 2
    return [
        *build(batch.records[:middle], format, batch.sequence),
        *build(batch.records[middle:], format, batch.sequence + middle),
    ]


def _builder(format: Format, sequence: int) -> DefaultRecordBatchBuilder:
    identity = format.identity
    return DefaultRecordBatchBuilder(
        _MAGIC, format.compression, 1, identity.producer_id, identity.epoch, sequence, format.batch_bytes
    )

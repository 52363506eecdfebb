"""Batches of records by their heads, as the log has them (record batch version 2). No record is decompressed. Pure.

Source: https://kafka.apache.org/documentation/#recordbatch and #controlbatch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Literal

_LENGTH_AT, _BEFORE_LENGTH = 8, 12
_HEAD = Struct(">qiibIhiqqqhii")
_CONTROL_KEY = Struct(">hh")
# Of a marker's only record: length, attributes, two deltas and the key's length, a byte each; then the key.
_KEY_AT = 5
_TRANSACTIONAL, _CONTROL = 0x10, 0x20
_MAGIC = 2

Marker = Literal["", "commit", "abort"]


@dataclass(frozen=True, slots=True)
class Batch:
    """base, last: offsets of the first and the last record, compacted ones too; count: records that are left
    epoch: of the producer; marker: what ends a transaction, empty for records
    time_ms: the greatest timestamp, since 1970
    """

    place: tuple[str, int]
    base: int
    last: int
    count: int
    producer_id: int
    epoch: int
    transactional: bool
    marker: Marker
    time_ms: int


def parse(place: tuple[str, int], raw: bytes) -> Iterator[Batch]:
    """The batches in an answer to Fetch; the last one may be cut off, and is left out."""
    at = 0
    while at + _HEAD.size <= len(raw):
        size = _BEFORE_LENGTH + int.from_bytes(raw[at + _LENGTH_AT : at + _BEFORE_LENGTH], "big", signed=True)
        if size < _HEAD.size or at + size > len(raw):
            return
        base, _, _, magic, _, attributes, last, _, time_ms, producer, epoch, _, count = _HEAD.unpack_from(raw, at)
        if magic == _MAGIC:
            body = raw[at + _HEAD.size : at + size]
            marker = _marker(body) if attributes & _CONTROL else ""
            transactional = bool(attributes & _TRANSACTIONAL)
            yield Batch(place, base, base + last, count, producer, epoch, transactional, marker, time_ms)
        at += size


def _marker(body: bytes) -> Marker:
    if len(body) < _KEY_AT + _CONTROL_KEY.size:
        return ""  # compaction has taken the marker's record away
    _, kind = _CONTROL_KEY.unpack_from(body, _KEY_AT)
    return "commit" if kind == 1 else "abort" if kind == 0 else ""

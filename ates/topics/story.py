"""What came before and after a record: those of its trace, and those that name it as their cause, in every topic.

Kafka has no index of headers, so the time around the record is searched: its effects follow within seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ates.topics.cluster import At
from ates.topics.decoding import Decoded, Decoder
from ates.topics.looking import Topics
from ates.topics.overview import kind_of
from ates.topics.records import Record
from ates.topics.scanning import Limits, scanning

BEFORE_SECONDS, AFTER_SECONDS = 60, 600
BUDGET, SECONDS = 200_000, 8.0
RECORDS_MAX = 200
_SEARCHED = ("records", "dead letters", "other")


@dataclass(frozen=True, slots=True)
class Story:
    """causes: the record that caused it, the one that caused that, and so on, the first one first
    caused: those that name it as their cause; others: the rest of its trace, all in the order of time
    scanned: how many records were looked at; complete: whether it was all of the time around
    """

    causes: list[Record]
    caused: list[Record]
    others: list[Record]
    scanned: int
    complete: bool


class _Related:
    """Turns away what has nothing to do with a record, by the bytes of the headers alone."""

    def __init__(self, record: Record, decoder: Decoder) -> None:
        self._decoder = decoder
        self._trace = record.trace.encode()
        self._id = record.header("ce_id").encode()
        self._cause = record.header("ce_causationid").encode()

    def __bool__(self) -> bool:
        return bool(self._trace or self._id or self._cause)

    def take(self, message: Any) -> Decoded | None:
        for name, value in message.headers() or ():
            if value is None:
                continue
            if (
                (name == "traceparent" and self._trace and self._trace in value)
                or (name == "ce_causationid" and self._id and value == self._id)
                or (name == "ce_id" and self._cause and value == self._cause)
            ):
                return self._decoder.decode(message.value())
        return None


def tell(topics: Topics, record: Record, stop: threading.Event) -> Story:
    """The story of `record`. Blocks; raises `Unavailable`."""
    related = _Related(record, topics.decoder)
    limits = Limits(BUDGET, time.monotonic() + SECONDS, stop)
    found: list[Record] = []
    spans = _spans(topics, record) if related else {}
    for topic, (starts, ends) in spans.items():
        with scanning(topics.cluster, topic, related, starts, **{"fetch.wait.max.ms": 5}) as scanner:
            scanner.until(ends)
            while not scanner.done and not limits.used_up and len(found) < RECORDS_MAX:
                limits.check()
                before = scanner.scanned
                found += scanner.step()
                limits.scanned += scanner.scanned - before
    complete = not limits.used_up and len(found) < RECORDS_MAX
    return _ordered(record, found[:RECORDS_MAX], limits.scanned, complete)


def _spans(topics: Topics, record: Record) -> dict[str, tuple[dict[int, int], dict[int, int]]]:
    """Topic -> where the time around the record begins and ends in each partition; the record's own topic first."""
    partitions = topics.cluster.partitions()
    at: list[At] = [(t, n) for t, numbers in partitions.items() if kind_of(t) in _SEARCHED for n in numbers]
    ends = topics.cluster.ends(at)
    moment = record.timestamp_ms or 0
    begins = topics.cluster.since(at, max(0, moment - BEFORE_SECONDS * 1000))
    stops = topics.cluster.since(at, moment + AFTER_SECONDS * 1000)
    spans: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
    for one in sorted(begins, key=lambda one: (one[0] != record.topic, one)):
        if begins[one] < (end := min(ends[one], stops.get(one, ends[one]))):
            starts, stop = spans.setdefault(one[0], ({}, {}))
            starts[one[1]], stop[one[1]] = begins[one], end
    return spans


def _ordered(record: Record, found: list[Record], scanned: int, complete: bool) -> Story:
    found = sorted(found, key=lambda one: (one.timestamp_ms or 0, one.topic, one.partition, one.offset))
    others = [one for one in found if one.at != record.at]
    by_id: Mapping[str, Record] = {one.header("ce_id"): one for one in reversed(others) if one.header("ce_id")}
    causes: list[Record] = []
    cause = by_id.get(record.header("ce_causationid"))
    while cause is not None and cause not in causes:
        causes.insert(0, cause)
        cause = by_id.get(cause.header("ce_causationid"))
    own = record.header("ce_id")
    caused = [one for one in others if own and one.header("ce_causationid") == own]
    rest = [one for one in others if one not in causes and one not in caused]
    return Story(causes, caused, rest, scanned, complete)

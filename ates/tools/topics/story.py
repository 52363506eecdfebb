"""What came before and after a record: those of its trace, and those that name it as their cause, in every topic.

Kafka has no index of headers, so the time around the record is searched: its effects follow within seconds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ates.streams.privates.lenient import headers_of
from ates.tools.topics.browser import Topics
from ates.tools.topics.cluster import At
from ates.tools.topics.decoding import Decoded, Decoder
from ates.tools.topics.overview import kind_of
from ates.tools.topics.records import Record
from ates.tools.topics.scanning import Limits, Selector, TopicsScanner, scanning_topics

BEFORE_SECONDS, AFTER_SECONDS = 60, 600
# Seconds before and after the record, the nearest time first. What is older is searched where a cause was not found.
_SPANS = ((-5, AFTER_SECONDS), (-BEFORE_SECONDS, -5))
# Of all spans; and of one span of one topic, so that a busy one leaves time for the others.
BUDGET, BUDGET_OF_SPAN, SECONDS = 200_000, 20_000, 6.0
RECORDS_MAX = 200
_SEARCHED = frozenset({"records", "dead letters", "other"})


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


class _Related(Selector):
    """Turns away what has nothing to do with a record, by the bytes of the headers alone."""

    def __init__(self, record: Record, decoder: Decoder) -> None:
        self._decoder = decoder
        self._trace = record.trace.encode()
        self._id = record.header("ce_id").encode()
        self._cause = record.header("ce_causationid").encode()

    def __bool__(self) -> bool:
        return bool(self._trace or self._id or self._cause)

    def take(self, message: Any) -> Decoded | None:
        for name, value in headers_of(message):
            if value is None:
                continue
            if (
                (name == "traceparent" and self._trace and self._trace in value)
                or (name == "ce_causationid" and self._id and value == self._id)
                or (name == "ce_id" and self._cause and value == self._cause)
            ):
                return self._decoder.decode(message.value())
        return None

    def key(self, message: Any) -> Decoded | None:
        return self._decoder.decode_key(message.key())


def tell(topics: Topics, record: Record, stop: threading.Event) -> Story:
    """The story of `record`. Blocks; raises `Unavailable`."""
    related = _Related(record, topics.decoder)
    limits = Limits(BUDGET, time.monotonic() + SECONDS, stop)
    found: list[Record] = []
    complete = True
    with scanning_topics(topics.cluster, related, {}, **{"fetch.wait.max.ms": 5}) as scanner:
        for starts, ends in _spans(topics, record) if related else ():
            if found and not _lacks_a_cause(record, found):
                break
            scanner.jump(starts)
            scanner.until(ends)
            complete = _read(scanner, starts, limits, found) and complete
    return _ordered(record, found[:RECORDS_MAX], limits.scanned, complete)


def _lacks_a_cause(record: Record, found: Iterable[Record]) -> bool:
    """Whether the way back to the first cause ends at a record that was not found."""
    causes = {one.header("ce_id"): one.header("ce_causationid") for one in (*found, record)}
    cause = record.header("ce_causationid")
    while cause in causes:
        cause = causes.pop(cause)
    return bool(cause)


def _read(scanner: TopicsScanner, starts: Mapping[At, int], limits: Limits, found: list[Record]) -> bool:
    """Add what is found in a span; whether all of it was looked at."""
    complete = True
    while not scanner.done and not limits.used_up and len(found) < RECORDS_MAX:
        limits.check()
        before = scanner.scanned
        found += scanner.step()
        limits.scanned += scanner.scanned - before
        for at in _busy(scanner, starts):
            scanner.leave(at, scanner.positions[at])
            complete = False
    return scanner.done and complete


def _busy(scanner: TopicsScanner, starts: Mapping[At, int]) -> list[At]:
    """The partitions of topics of which enough was read, so that there is time for the others."""
    read = Counter[str]()
    for at, position in scanner.positions.items():
        read[at[0]] += position - starts[at]
    return [at for at in scanner.reading if read[at[0]] >= BUDGET_OF_SPAN]


def _spans(topics: Topics, record: Record) -> list[tuple[dict[At, int], dict[At, int]]]:
    """Where the partitions begin and end of each part of the time around the record, the nearest time first."""
    partitions = topics.cluster.partitions()
    names = [topic for topic in partitions if kind_of(topic) in _SEARCHED]
    places: list[At] = [(topic, number) for topic in names for number in partitions[topic]]
    ends = topics.cluster.ends(places)
    moment = record.timestamp_ms or 0
    spans = [tuple(max(0, moment + seconds * 1000) for seconds in span) for span in _SPANS]
    since = topics.cluster.since_each(places, {bound for span in spans for bound in span})
    found = []
    for begin, stop in spans:
        starts = {at: since[begin].get(at, ends[at]) for at in places}
        stops = {at: min(ends[at], since[stop].get(at, ends[at])) for at in places}
        if begun := {at: start for at, start in starts.items() if start < stops[at]}:
            found.append((begun, stops))
    return found


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

"""Counting the letters that wait, again and again: each look reads on from where the last one ended. Blocks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ates.tools.dead_letters import reader
from ates.tools.dead_letters.records import PUT_BACK, At, note_of
from ates.tools.topics.cluster import Cluster, Offsets
from ates.tools.topics.decoding import Decoder
from ates.tools.topics.records import Record
from ates.topology_types import DEAD_LETTERS


@dataclass(slots=True)
class Waiting:
    """The letters of one dead-letter topic that nobody has sent again or set aside, by partition and offset."""

    letters: set[At] = field(default_factory=set)
    read: dict[int, int] = field(default_factory=dict)

    def take(self, records: Iterable[Record]) -> None:
        """Take records of the topic, each partition in its order: a note comes after its letter."""
        for record in records:
            note = note_of(record)
            at = (record.partition, record.offset if note is None else note.offset)
            if note is None or note.kind == PUT_BACK:
                self.letters.add(at)
            else:
                self.letters.discard(at)

    def forget(self, firsts: Mapping[int, int]) -> None:
        """Drop the letters that Kafka has deleted: those before `firsts`."""
        self.letters = {(number, offset) for number, offset in self.letters if offset >= firsts.get(number, 0)}


class Counter:
    """Counts over all dead-letter topics that Kafka has."""

    def __init__(self) -> None:
        self._topics: dict[str, Waiting] = {}

    def look(self, cluster: Cluster, decoder: Decoder, stop: threading.Event) -> dict[str, int]:
        """Origin topic -> how many of its letters wait now. Raises `Unavailable`, `Stopped`."""
        topics = {name: numbers for name, numbers in cluster.partitions().items() if name.endswith(DEAD_LETTERS)}
        places = [(name, number) for name, numbers in topics.items() for number in numbers]
        firsts, ends = cluster.firsts(places), cluster.ends(places)
        for name in topics:
            waiting = self._topics.setdefault(name, Waiting())
            moved = {number: end for number, end in _of(ends, name).items() if end > waiting.read.get(number, 0)}
            if moved:
                waiting.take(reader.records(cluster, decoder, name, stop, waiting.read, list(moved)))
                waiting.read |= moved
            waiting.forget(_of(firsts, name))
        return {name.removesuffix(DEAD_LETTERS): len(self._topics[name].letters) for name in topics}


def _of(offsets: Offsets, topic: str) -> dict[int, int]:
    return {number: offset for (name, number), offset in offsets.items() if name == topic}

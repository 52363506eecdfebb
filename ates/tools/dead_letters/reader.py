"""Reading dead-letter topics to their ends. Blocks: call it in a thread."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping

from ates.domain.errors import Rejected
from ates.tools.dead_letters.records import Backlog, backlog_of
from ates.tools.topics.cluster import Cluster
from ates.tools.topics.decoding import Decoder
from ates.tools.topics.filters import Filter, RecordFilter
from ates.tools.topics.records import Record
from ates.tools.topics.scanning import Stopped, scanning
from ates.topology_types import DEAD_LETTERS


def dead_letter_topic(name: str) -> str:
    """The dead-letter topic of `name`, which may be that topic itself."""
    return name if name.endswith(DEAD_LETTERS) else name + DEAD_LETTERS


def backlogs(cluster: Cluster, decoder: Decoder, stop: threading.Event) -> list[Backlog]:
    """One for each dead-letter topic that Kafka has, by name."""
    topics = sorted(name for name in cluster.partitions() if name.endswith(DEAD_LETTERS))
    return [read(cluster, decoder, topic, stop) for topic in topics]


def read(cluster: Cluster, decoder: Decoder, topic: str, stop: threading.Event) -> Backlog:
    """What lies in one of them. Raises `Rejected` `topic_not_found`, `Unavailable`, `Stopped`."""
    return backlog_of(topic, records(cluster, decoder, topic, stop))


def records(
    cluster: Cluster,
    decoder: Decoder,
    topic: str,
    stop: threading.Event,
    starts: Mapping[int, int] | None = None,
    partitions: Collection[int] | None = None,
) -> Iterator[Record]:
    """Its records up to the end that it has now, each partition in order, from `starts` on or from the beginning."""
    if not topic.endswith(DEAD_LETTERS):
        raise Rejected("not_dead_letters", f"{topic} is no dead-letter topic")
    places = [(topic, number) for number in partitions or cluster.partitions(topic)[topic]]
    ends = {at[1]: end for at, end in cluster.ends(places).items()}
    firsts = {at[1]: first for at, first in cluster.firsts(places).items()}
    begin = {number: max(first, (starts or {}).get(number, 0)) for number, first in firsts.items()}
    with scanning(cluster, topic, RecordFilter(Filter(), decoder), begin) as scanner:
        scanner.until(ends)
        while not scanner.done:
            if stop.is_set():
                raise Stopped
            yield from scanner.step()

"""Records that are for another group alone: it failed on them, and somebody sent them again.

Such a record ends with two headers: which letter it was sent again from, and which group failed on it. Anybody can
write headers. So they only count when the letter that they name lies in the dead-letter topic, of the same key and
value, written about a failure of that group. Access control decides who can write to the dead-letter topic.

A record whose group cannot be shown is everybody's: a handler knows its messages by id, and a copy has no effect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from ates.streams.batch import GROUP
from ates.streams.privates.lenient import headers_of

logger = logging.getLogger("ates.streams")

LETTER = "dlq_letter"
"""On a record that was sent again: offset of its letter, in the same partition of the dead-letter topic."""

TIMEOUT_SECONDS = 5.0
_OFFSET_DIGITS = 19

Peers = Callable[[str], Container[str]]
"""Topic -> the groups that read it."""

Letter = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]
"""Key, value, headers."""


class OtherGroups:
    """Tells the records of a source that only another group than `group` is to handle.

    letters: the source's dead-letter topic
    peers: a group that does not read the topic is not believed to take the record; None: unknown
    """

    def __init__(self, options: Mapping[str, Any], letters: str, group: str, peers: Peers | None = None) -> None:
        self._options = options
        self._letters = letters
        self._group = group.encode()
        self._peers = peers

    async def among(self, records: Sequence[Any]) -> frozenset[int]:
        """Offsets of those `records` that are shown to be another group's."""
        claims = {record.offset: (record, at) for record in records if (at := self._claim(record)) is not None}
        if not claims:
            return frozenset()
        offsets = sorted({at for _, at in claims.values()})
        try:
            found = await asyncio.to_thread(self._read, records[0].partition, offsets)
        except KafkaException as error:
            logger.warning("%s cannot be read, its records sent again are everybody's: %s", self._letters, error)
            return frozenset()
        return frozenset(
            offset for offset, (record, at) in claims.items() if at in found and _came_from(record, found[at])
        )

    def _claim(self, record: Any) -> int | None:
        """The letter that `record` names, when it claims to be for another group that reads the topic."""
        headers = record.headers
        if len(headers) < 2 or headers[-1][0] != GROUP or headers[-2][0] != LETTER:
            return None
        group, at = headers[-1][1], headers[-2][1]
        if not group or group == self._group or not at or not at.isdigit() or len(at) >= _OFFSET_DIGITS:
            return None
        if self._peers is not None and group.decode("utf-8", "replace") not in self._peers(record.topic):
            return None
        return int(at)

    def _read(self, partition: int, offsets: Iterable[int]) -> dict[int, Letter]:
        consumer = Consumer(
            {
                **self._options,
                "group.id": self._group.decode(),
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "log_level": 3,
            },
            logger=logger,
        )
        try:
            first, end = consumer.get_watermark_offsets(TopicPartition(self._letters, partition), TIMEOUT_SECONDS)
            wanted = [offset for offset in offsets if first <= offset < end]
            return self._read_from(consumer, partition, wanted)
        finally:
            consumer.close()

    def _read_from(self, consumer: Consumer, partition: int, wanted: Sequence[int]) -> dict[int, Letter]:
        found: dict[int, Letter] = {}
        at = -1
        for offset in wanted:
            if not at <= offset <= at + 1000:
                consumer.assign([TopicPartition(self._letters, partition, offset)])
                at = offset
            while at <= offset:
                message = consumer.poll(TIMEOUT_SECONDS)
                if message is None or message.error():
                    return found
                at = message.offset() + 1
                found[message.offset()] = (message.key(), message.value(), headers_of(message))
        return found


def _came_from(record: Any, letter: Letter) -> bool:
    key, value, headers = letter
    return (key, value) == (record.key, record.value) and dict(headers).get(GROUP) == record.headers[-1][1]

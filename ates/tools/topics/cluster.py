"""Asking Kafka about topics, offsets and groups. Everything here blocks: call it in a thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from ates.domain.errors import AtesError, Rejected, Unavailable
from ates.platform import reach
from ates.platform.kafka import librdkafka_options
from ates.platform.settings import Settings

TIMEOUT_S = 10.0
# Consumers that are kept for the next reader, and for how long.
IDLE_MAX, IDLE_S = 6, 60.0
# A partition that was just made, or changes its broker, has a leader in a moment.
_MOVING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_MOVING_S, _AGAIN_S = 5.0, 0.1

# (topic, partition)
At = tuple[str, int]
Offsets = dict[At, int]


class Idle:
    """Consumers that nobody uses at the moment, by their options. Safe in several threads."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, dict[str, Any], Consumer]] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def take(self, options: dict[str, Any]) -> Consumer | None:
        """One with these options; those that were idle for long are closed."""
        oldest = time.monotonic() - IDLE_S
        with self._lock:
            late = [kept for kept in self._kept if kept[0] < oldest]
            found = next((kept for kept in reversed(self._kept) if kept not in late and kept[1] == options), None)
            self._kept = deque(kept for kept in self._kept if kept not in late and kept is not found)
        for _, _, consumer in late:
            consumer.close()
        return found[2] if found else None

    def put(self, options: dict[str, Any], consumer: Consumer) -> None:
        """Keep one; the one that is idle for longest makes room."""
        consumer.unassign()
        with self._lock:
            self._kept.append((time.monotonic(), options, consumer))
            surplus = [self._kept.popleft()[2] for _ in range(len(self._kept) - (0 if self._closed else IDLE_MAX))]
        for each in surplus:
            each.close()

    def close(self) -> None:
        """Close all of them, and those that come later."""
        with self._lock:
            self._closed = True
            kept, self._kept = self._kept, deque()
        for _, _, consumer in kept:
            consumer.close()


class Cluster:
    """Kafka as the settings name it. Safe in several threads. Methods raise `Unavailable` while Kafka is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._options = librdkafka_options(settings) | {"client.id": "ates-topics", "log_level": 2}
        self._idle = Idle()

    @property
    def settings(self) -> Settings:
        return self._settings

    @cached_property
    def _admin(self) -> AdminClient:
        return AdminClient(self._options)

    def partitions(self, topic: str | None = None) -> dict[str, list[int]]:
        """Topic -> its partitions, of all topics or of `topic` alone. Raises `Rejected` `topic_not_found`."""
        with self._errors():
            found = self._admin.list_topics(timeout=TIMEOUT_S)
        topics = {name: sorted(about.partitions) for name, about in found.topics.items() if about.error is None}
        if topic is None:
            return topics
        if topic not in topics:
            raise topic_not_found(topic, topics)
        return {topic: topics[topic]}

    def answers(self, timeout_s: float) -> str:
        """Why Kafka cannot be asked now; empty when it can."""
        try:
            with self._errors():
                self._admin.list_topics("__consumer_offsets", timeout=timeout_s)
        except Unavailable as error:
            return error.detail
        return ""

    def firsts(self, partitions: Iterable[At]) -> Offsets:
        """The lowest offset that is kept."""
        return self._offsets(partitions, OffsetSpec.earliest())

    def ends(self, partitions: Iterable[At], *, committed: bool = True) -> Offsets:
        """One past the last record: up to where transactions have ended, or to the end of everything written."""
        return self._offsets(partitions, OffsetSpec.latest(), committed=committed)

    def since(self, partitions: Iterable[At], milliseconds: int) -> Offsets:
        """The offset of the first record with this timestamp or a later one; none where there is no such record."""
        return self.since_each(partitions, [milliseconds])[milliseconds]

    def since_each(self, partitions: Iterable[At], moments: Iterable[int]) -> dict[int, Offsets]:
        """The same for several times, asked for at once."""
        places = [*partitions]
        asked = [*moments]
        found = self._each_offsets([dict.fromkeys(places, OffsetSpec.for_timestamp(at)) for at in asked])
        kept = ({at: offset for at, offset in offsets.items() if offset >= 0} for offsets in found)
        return dict(zip(asked, kept, strict=True))

    def groups(self) -> dict[str, str]:
        """Consumer group -> its state, such as `stable` or `empty`."""
        with self._errors():
            found = self._admin.list_consumer_groups(request_timeout=TIMEOUT_S).result()
        return {group.group_id: _state(group.state) for group in found.valid}

    def committed(self, group: str) -> Offsets:
        """The offsets that a group has committed."""
        with self._errors():
            wanted = [ConsumerGroupTopicPartitions(group)]
            answer = self._admin.list_consumer_group_offsets(wanted, request_timeout=TIMEOUT_S)[group].result()
        return {
            (tp.topic, tp.partition): tp.offset
            for tp in answer.topic_partitions
            if tp.offset is not None and tp.offset >= 0 and tp.error is None
        }

    def members(self, group: str) -> dict[At, str]:
        """Which member of a group has which partition: its instance name where it has one, else its client id."""
        with self._errors():
            found = self._admin.describe_consumer_groups([group], request_timeout=TIMEOUT_S)[group].result()
        return {
            (tp.topic, tp.partition): member.group_instance_id or f"{member.client_id} at {member.host.lstrip('/')}"
            for member in found.members
            for tp in member.assignment.topic_partitions
        }

    def lend(self, **options: Any) -> tuple[Consumer, bool]:
        """A consumer that was given back, or a new one as `consumer` makes it, and whether it is new: to connect takes
        longer than to read."""
        found = self._idle.take(options)
        return found or self.consumer(**options), found is None

    def give_back(self, consumer: Consumer, **options: Any) -> None:
        """Keep a consumer for whoever reads next. One with which something went wrong is closed instead."""
        self._idle.put(options, consumer)

    def close(self) -> None:
        """Let go of the connections that nobody uses."""
        self._idle.close()

    def consumer(self, **options: Any) -> Consumer:
        """A consumer that joins no group and commits nothing; `assign` it with offsets, and close it.

        librdkafka wants a group's name all the same; assigned by hand, no broker ever hears it.
        """
        return Consumer(
            {
                **self._options,
                "group.id": "ates-topics-never-joined",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                # Two of the largest dead letters; more only delays the first answer and costs memory.
                "fetch.message.max.bytes": 4 << 20,
                "queued.max.messages.kbytes": 32 << 10,
                "topic.metadata.refresh.interval.ms": 60_000,
                **options,
            }
        )

    def _offsets(self, partitions: Iterable[At], spec: Any, *, committed: bool = True) -> Offsets:
        return self._each_offsets([dict.fromkeys(partitions, spec)], committed=committed)[0]

    def _each_offsets(self, wanted: Sequence[Mapping[At, Any]], *, committed: bool = True) -> list[Offsets]:
        """The offsets that each of `wanted` asks for."""
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        with self._errors():
            until = time.monotonic() + _MOVING_S
            while True:
                asked = [self._ask_offsets(specs, level) for specs in wanted]
                try:
                    return [
                        {(tp.topic, tp.partition): future.result().offset for tp, future in futures.items()}
                        for futures in asked
                    ]
                except KafkaException as error:
                    if error.args[0].code() not in _MOVING or time.monotonic() > until:
                        raise
                    time.sleep(_AGAIN_S)

    def _ask_offsets(self, specs: Mapping[At, Any], level: IsolationLevel) -> Mapping[Any, Any]:
        places = {TopicPartition(*at): spec for at, spec in specs.items()}
        if not places:
            return {}
        futures: Mapping[Any, Any] = self._admin.list_offsets(places, isolation_level=level, request_timeout=TIMEOUT_S)
        return futures

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            # librdkafka's client goes on asking a controller that is gone; a new one finds the next.
            self.__dict__.pop("_admin", None)
            raise unavailable(self._settings, error) from error


def unavailable(settings: Settings, error: KafkaException) -> AtesError:
    """Kafka is away or refuses us, in one line."""
    return reach.reason_for_thread(settings, error.args[0].str() if error.args else error)


def topic_not_found(topic: str, topics: Iterable[str]) -> Rejected:
    """404, naming the topics that are spelt alike."""
    alike = get_close_matches(topic, list(topics), n=3)
    hint = f"; did you mean {' or '.join(alike)}?" if alike else ""
    return Rejected("topic_not_found", f"Kafka has no topic {topic}{hint}")


def _state(state: ConsumerGroupState) -> str:
    return str(state.name).lower().replace("_", " ")

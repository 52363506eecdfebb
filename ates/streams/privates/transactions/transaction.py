"""One transaction in one epoch: produce, add the group's offset, end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ates.streams.batch import Outgoing
from ates.streams.privates.transactions import batches
from ates.streams.privates.transactions.batches import Batch, Format, Identity, Place
from ates.streams.privates.transactions.cluster import REQUEST_SECONDS, Cluster, Coordinator, Patience
from ates.streams.privates.transactions.errors import (
    LEADER_NOT_AVAILABLE,
    MESSAGE_TOO_LARGE,
    KafkaRefusal,
    RecordsTooLarge,
    Remedy,
)
from ates.streams.privates.transactions.messages import NO_TAGS, EndTxn, Produce, TxnOffsetCommit

# A broker reads a request whole. A record that does not fit into one waits for the answer.
REQUEST_BYTES = 8 << 20

ALL_REPLICAS = -1
NO_GENERATION, NO_MEMBER, NO_INSTANCE = -1, "", None  # the transactional id does the fencing
NO_LEADER_EPOCH = -1


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a partition to a batch: the batch's offset, or why there is none."""

    offset: int
    trouble: KafkaRefusal | None = None


class Transaction:
    """`started`: a request went out that may have begun it at the coordinator. `decided`: so may the commit."""

    def __init__(self, cluster: Cluster, transactional_id: str, group: str, format: Format) -> None:
        self._cluster = cluster
        self._id = transactional_id
        self._group = group
        self._format = format
        self.started = False
        self.decided = False

    async def write(
        self, records: Mapping[Place, Sequence[Outgoing]], source: Place | None, next_offset: int
    ) -> dict[Place, int]:
        """Produce `records`, and add the group's offset; returns per partition the offset after its last record.

        Raises `KafkaRefusal`, and `RecordsTooLarge`. One request at a time: each adds its partitions to the
        transaction, and the coordinator refuses another one's meanwhile. The offset comes first: while the markers of
        the last transaction are written, its coordinator says so at once, where a leader holds a Produce for 20 ms.
        """
        waiting = {place: deque(batches.build(own, self._format)) for place, own in records.items()}
        self.started = True
        if source is not None:
            await self._add_offset(source, next_offset)
        return await self._produce(waiting)

    async def _produce(self, waiting: dict[Place, deque[Batch]]) -> dict[Place, int]:
        """A partition's batches go out one after the other: only the first that waits may be in doubt."""
        written: dict[Place, int] = {}
        patience = Patience()
        while waiting:
            answers = await self._send({place: queue[0] for place, queue in waiting.items()})
            for place, answer in answers.items():
                if answer.trouble is None:
                    batch = waiting[place].popleft()
                    written[place] = answer.offset + len(batch.records)
                    if not waiting[place]:
                        del waiting[place]
            if troubles := {place: answer.trouble for place, answer in answers.items() if answer.trouble}:
                self._split_or_raise(troubles, waiting)
                await self._pause(list(troubles.values()), patience)
            else:
                patience.renew()
        return written

    def _split_or_raise(self, troubles: Mapping[Place, KafkaRefusal], waiting: dict[Place, deque[Batch]]) -> None:
        """Halve batches that are too large for their topic. Raises what will not pass."""
        too_large: list[Outgoing] = []
        for place, trouble in troubles.items():
            if trouble.code == MESSAGE_TOO_LARGE:
                batch = waiting[place].popleft()
                if len(batch.records) == 1:
                    too_large += batch.records
                else:
                    waiting[place].extendleft(reversed(batches.halves(batch, self._format)))
            elif not trouble.may_pass:
                raise trouble
        if too_large:
            text = next(str(trouble) for trouble in troubles.values() if trouble.code == MESSAGE_TOO_LARGE)
            raise RecordsTooLarge(text, too_large)

    async def _pause(self, troubles: Sequence[KafkaRefusal], patience: Patience) -> None:
        passing = [trouble for trouble in troubles if trouble.may_pass]
        if passing:
            await self._cluster.pause(passing[0], patience)
        if any(trouble.remedy is Remedy.LOOK_UP for trouble in passing):
            await self._cluster.refresh()

    async def _send(self, heads: Mapping[Place, Batch]) -> dict[Place, Answer]:
        """One batch of each partition to its leader; answers are missing for those that have to wait for room."""
        answers: dict[Place, Answer] = {}
        by_leader: dict[int, dict[Place, Batch]] = {}
        room: dict[int, int] = {}
        for place, batch in heads.items():
            leader = self._cluster.leader(place)
            if leader is None:
                answers[place] = Answer(-1, KafkaRefusal(_subject(place), LEADER_NOT_AVAILABLE))
                continue
            left = room.get(leader, REQUEST_BYTES)
            if left > 0:
                by_leader.setdefault(leader, {})[place] = batch
                room[leader] = left - len(batch.encoded)
        for leader, own in by_leader.items():
            answers |= await self._send_to(leader, own)
        return answers

    async def _send_to(self, leader: int, heads: Mapping[Place, Batch]) -> dict[Place, Answer]:
        topics: dict[str, list[Any]] = {}
        for (topic, partition), batch in heads.items():
            topics.setdefault(topic, []).append((partition, batch.encoded, NO_TAGS))
        body = [(topic, partitions, NO_TAGS) for topic, partitions in topics.items()]
        request = Produce(self._id, ALL_REPLICAS, int(REQUEST_SECONDS * 1000), body)
        try:
            return dict(_answers(await self._cluster.ask(leader, request)))
        except KafkaRefusal as trouble:
            return dict.fromkeys(heads, Answer(-1, trouble))

    async def _add_offset(self, source: Place, next_offset: int) -> None:
        topic, partition = source
        identity = self._format.identity
        request = TxnOffsetCommit(
            self._id,
            self._group,
            identity.producer_id,
            identity.epoch,
            NO_GENERATION,
            NO_MEMBER,
            NO_INSTANCE,
            [(topic, [(partition, next_offset, NO_LEADER_EPOCH, None, NO_TAGS)], NO_TAGS)],
        )

        def refusal(answer: Any) -> KafkaRefusal | None:
            code = answer.topics[0][1][0][1]
            return KafkaRefusal(f"offset of group {self._group} for {topic}[{partition}]", code) if code else None

        await self._cluster.ask_coordinator(Coordinator.GROUP, self._group, request, refusal)

    async def end(self, *, commits: bool) -> Identity:
        """Commit or abort; returns the identity for the next transaction, perhaps under another producer id.

        The request may be sent again without harm: a copy that comes late finds its epoch over. Raises `KafkaRefusal`.
        """
        identity = self._format.identity
        request = EndTxn(self._id, identity.producer_id, identity.epoch, commits)
        self.decided = commits
        answer = await self._cluster.ask_coordinator(
            Coordinator.TRANSACTION, self._id, request, lambda answer: refused("EndTxn", self._id, answer)
        )
        return Identity(answer.producer_id, answer.epoch)


def refused(request: str, transactional_id: str, answer: Any) -> KafkaRefusal | None:
    """The fields of the answer to EndTxn or InitProducerId."""
    return KafkaRefusal(f"{request} of {transactional_id}", answer.code) if answer.code else None


def _answers(answer: Any) -> Iterator[tuple[Place, Answer]]:
    for topic, partitions, *_ in answer.topics:
        for partition, code, offset, _, _, _, message, _ in partitions:
            place = topic, partition
            yield place, Answer(offset, KafkaRefusal(_subject(place), code, message or "") if code else None)


def _subject(place: Place) -> str:
    return f"Produce to {place[0]}[{place[1]}]"

"""The two kinds of work, with producer and sink in memory: one transaction for all, one letter for each poison."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from faust.types import TP
from streams_fakes import SUMS, Sum, TextSerde, add, numbers

from ates.streams import Message, Put, Send, TimerResult
from ates.streams.batch import DeadLetters, Outgoing
from ates.streams.changelog import POSITION_KEY, Changelogs, position_table
from ates.streams.context import Observer, TaskContext
from ates.streams.fetched import Batch
from ates.streams.sink_task import SinkTask
from ates.streams.state import Store
from ates.streams.stores import MemoryStores
from ates.streams.transactional_task import TransactionalTask

SOURCE = TP("in", 0)
BURIED = Changelogs("group", [position_table("in")])


@dataclass
class Log:
    """What transactions have written, and the group's offset, which is moved in them and otherwise.

    `refuses` counts down: so many times it cannot be moved; `hangs`: nobody answers.
    """

    records: list[Outgoing] = field(default_factory=list)
    group: int | None = None
    transactions: int = 0
    refuses: int = 0
    hangs: bool = False
    asked: int = 0

    async def committed(self) -> int | None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        return self.group

    async def commit(self, offset: int) -> None:
        if self.refuses:
            self.refuses -= 1
            raise OSError("not a member any more")
        self.group = offset

    def sent(self, topic: str) -> list[bytes | None]:
        return [record.value for record in self.records if record.topic == topic]


@dataclass
class Told(Observer):
    """An observer that remembers."""

    of: list[tuple[Any, ...]] = field(default_factory=list)

    def handled(self, tp: TP, next_offset: int, records: int, dead: int, seconds: float) -> None:
        assert tp == SOURCE and seconds >= 0
        self.of.append(("handled", next_offset, records, dead))

    def failed(self, tp: TP, error: Exception) -> None:
        assert tp == SOURCE
        self.of.append(("failed", str(error)))

    def group_offset_moved(self, tp: TP) -> None:
        assert tp == SOURCE
        self.of.append(("moved",))


@dataclass
class FakeProducer:
    """Commits to a `Log`. `fails` counts down: that commit fails, with nothing written."""

    log: Log
    fails: int = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def require_same_partitions(self, source: str, topics: Sequence[str]) -> None: ...

    async def commit(self, records: Sequence[Outgoing], source: tuple[str, int], next_offset: int) -> dict[Any, int]:
        self.fails -= 1
        if self.fails == 0:
            raise OSError("broker away")
        self.log.records += records
        self.log.group = next_offset
        self.log.transactions += 1
        return {(record.topic, record.partition or 0): len(self.log.records) for record in records}


@dataclass
class FakeSink:
    """Stores numbers together with the position."""

    stored: list[int] = field(default_factory=list)
    at: int = 0
    down: bool = False

    async def position(self, topic: str, partition: int) -> int:
        return self.at

    async def write(
        self, topic: str, partition: int, messages: Sequence[Message], position: int, next_position: int
    ) -> None:
        if self.down:
            raise OSError("sink away")
        assert position == self.at
        self.stored += [message.value for message in messages]
        self.at = next_position


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> FakeProducer:
    producer = FakeProducer(Log())
    monkeypatch.setattr(TaskContext, "producer", lambda self, tp: producer)
    monkeypatch.setattr(Changelogs, "restore", lambda *given: _restore(producer.log, *given))
    return producer


async def _restore(log: Log, changelogs: Changelogs, reader: Any, partition: int, stores: Any) -> None:
    for table, topic in changelogs.topics.items():
        records = [(it.key or b"", it.value) for it in log.records if (it.topic, it.partition) == (topic, partition)]
        Changelogs._take({topic: stores[table]}, topic, records, len(records))


def context(serde: TextSerde | None = None, observer: Observer | None = None) -> TaskContext:
    return TaskContext(
        group="group", client_options={}, producer_options={}, serde=serde or TextSerde(),
        observer=observer or Observer(),
    )  # fmt: skip


def batch(*values: Any, start: int = 0) -> Batch:
    return Batch(SOURCE, 1, start, numbers(*values, start=start))


async def opened(
    log: Log, handler: Any = add, serde: TextSerde | None = None, observer: Observer | None = None, timer: Any = None
) -> tuple[TransactionalTask, Store]:
    stores = MemoryStores([SUMS])
    work = TransactionalTask(
        SOURCE, context(serde, observer), handler, Changelogs("app", [SUMS]), stores,
        DeadLetters("in.dlq", "group"), (), timer,
    )  # fmt: skip
    await work.open(log)
    return work, stores.by_table["sums"]


@pytest.mark.parametrize("moved_to", [0, 3, 1000])
async def test_a_group_offset_that_somebody_moved_is_said_once_and_set_right_before_anything_is_handled(
    producer, moved_to
):
    work, _ = await opened(producer.log)
    await work.handle(batch(1, 2))
    producer.log.group = moved_to
    sent = Told()
    work, _ = await opened(producer.log, observer=sent)
    await work.begin(2)
    assert (producer.log.group, sent.of) == (2, [("moved",)])
    work, _ = await opened(producer.log, observer=sent)
    await work.begin(2)
    assert sent.of == [("moved",)]


async def test_a_deleted_group_offset_is_written_again_and_nobody_is_alarmed(producer):
    work, _ = await opened(producer.log)
    await work.handle(batch(1, 2))
    producer.log.group = None
    sent = Told()
    work, _ = await opened(producer.log, observer=sent)
    await work.begin(2)
    assert (producer.log.group, sent.of) == (2, [])


async def test_from_the_first_opening_on_there_is_a_position_that_a_moved_group_can_be_told_from(producer):
    work, store = await opened(producer.log)
    await work.begin(40)
    assert (producer.log.group, store.position, producer.log.transactions) == (40, 40, 1)
    await work.begin(40)
    producer.log.group = 1000
    again, _ = await opened(producer.log)
    assert await again.open(producer.log) == 40


async def test_rows_outputs_letters_and_both_positions_are_one_transaction(producer):
    work, store = await opened(producer.log)
    await work.handle(batch(1, b"?", 2))
    log = producer.log
    assert log.transactions == 1
    assert log.sent("out") == [b"1", b"3"]
    assert log.sent("in.dlq") == [b"?"]
    rows = [(record.key, record.value) for record in log.records if record.topic == "app-sums-changelog"]
    assert rows == [(b"k", b'{"total":3}'), (POSITION_KEY, b"3")]
    assert log.group == 3
    assert store.get("k") == Sum(3)
    assert store.position == 3


async def test_what_was_not_committed_has_not_happened(producer):
    work, store = await opened(producer.log)
    producer.fails = 1
    with pytest.raises(OSError, match="broker away"):
        await work.handle(batch(1))
    assert store.get("k") is None
    assert store.position is None


async def test_a_batch_that_needs_two_transactions_keeps_the_first_when_the_second_fails(producer):
    def chatty(state: Any, message: Message) -> list[Any]:
        return [*add(state, message), *[Send("noise", "k", n) for n in range(9_999)]]

    work, store = await opened(producer.log, chatty)
    producer.fails = 2
    with pytest.raises(OSError, match="broker away"):
        await work.handle(batch(1, 2))
    assert producer.log.sent("out") == [b"1"]
    assert producer.log.group == store.position == 1
    await work.handle(batch(2, start=1))
    assert producer.log.sent("out") == [b"1", b"3"]


async def test_a_batch_waits_for_what_its_records_need(producer):
    serde = TextSerde(missing={b"2"})
    work, _ = await opened(producer.log, serde=serde)
    await work.handle(batch(1, 2))
    assert serde.loads == 1
    assert producer.log.sent("out") == [b"1", b"3"]


async def test_after_letting_go_the_rows_are_those_that_were_committed(producer):
    work, store = await opened(producer.log)
    await work.handle(batch(1))
    producer.fails = 1
    with pytest.raises(OSError, match="broker away"):
        await work.handle(batch(2, start=1))
    await work.close()
    assert (store.get("k"), store.position) == (Sum(1), 1)


class Errands:
    """A timer with so many things left to do; each adds 1 to the sum under `own`, and tells it."""

    def __init__(self, left: int) -> None:
        self.left = left

    async def __call__(self, state: Any, partition: int) -> TimerResult | None:
        if not self.left:
            return None
        self.left -= 1
        row = state.table("sums").get("own")
        total = (row.total if row else 0) + 1
        return TimerResult(
            TextSerde().decode(numbers(1)[0]), [Put("sums", "own", Sum(total)), Send("out", "own", total)]
        )


async def test_what_is_due_is_done_while_there_is_nothing_to_handle_and_moves_no_position(producer):
    work, store = await opened(producer.log, timer=Errands(3))
    await work.handle(batch(b"?"))
    unseen = asyncio.Event()
    resting = asyncio.create_task(work.idle(unseen.wait()))
    while producer.log.transactions < 4:  # noqa: ASYNC110
        await asyncio.sleep(0)
    unseen.set()
    await resting
    assert producer.log.sent("out") == [b"1", b"2", b"3"]
    assert store.get("own") == Sum(3)
    assert producer.log.group == store.position == 1


async def test_what_is_due_is_done_between_batches_too_so_that_load_does_not_put_it_off(producer):
    work, _ = await opened(producer.log, timer=Errands(1))
    await work.handle(batch(5))
    await work.handle(batch(6, start=1))
    assert producer.log.sent("out") == [b"5", b"1", b"11"]


async def test_what_was_done_but_not_committed_has_left_no_row(producer):
    work, store = await opened(producer.log, timer=Errands(1))
    producer.fails = 1
    with pytest.raises(OSError, match="broker away"):
        await work.idle(asyncio.Event().wait())
    assert store.get("own") is None
    assert producer.log.sent("out") == []


class Unwritable:
    """A row that no changelog takes."""


async def test_a_record_whose_row_cannot_be_written_is_found_in_its_batch_and_buried(producer):
    def careless(state: Any, message: Message) -> list[Any]:
        return [Put("sums", "k", Unwritable())] if message.value == 5 else list(add(state, message))

    work, store = await opened(producer.log, careless)
    rest = batch(1, 2, 5, 3)
    tried = []
    while rest.records:
        try:
            await work.handle(rest)
            break
        except TypeError:
            tried.append(work.at)
            rest = batch(*[1, 2, 5, 3][producer.log.group or 0 :], start=producer.log.group or 0)
    assert tried[-1] == 2
    assert producer.log.sent("out") == [b"1", b"3", b"6"]
    assert producer.log.sent("in.dlq") == [b"5"]
    assert store.get("k") == Sum(6)


async def test_a_sink_that_cannot_store_a_record_says_which(producer):
    class Choosy(FakeSink):
        async def write(self, topic, partition, messages, position, next_position):
            if 5 in [message.value for message in messages]:
                raise ValueError("no fives")
            await super().write(topic, partition, messages, position, next_position)

    sink = Choosy()
    work = await sinking(producer.log, sink)
    for _ in range(4):
        values = [1, 2, 5, 3][sink.at :]
        with pytest.raises(ValueError, match="no fives"):
            await work.handle(batch(*values, start=sink.at))
    assert (work.at, sink.stored) == (2, [1, 2])


async def sinking(log: Log, sink: FakeSink) -> SinkTask:
    work = SinkTask(SOURCE, context(), sink, DeadLetters("in.dlq", "group"), BURIED)
    assert await work.open(log) == sink.at
    return work


async def rest_for_a_while(work: SinkTask) -> None:
    """Nothing comes, and it rests on."""
    resting = asyncio.create_task(work.idle(asyncio.Event().wait()))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not resting.done()
    resting.cancel()


async def test_a_sink_gets_what_can_be_read_and_the_rest_is_buried(producer):
    sink = FakeSink()
    work = await sinking(producer.log, sink)
    await work.handle(batch(1, b"?", 2))
    assert (sink.stored, sink.at) == ([1, 2], 3)
    assert producer.log.sent("in.dlq") == [b"?"]


async def test_a_batch_that_the_sink_refused_is_read_again_but_its_poison_is_buried_once(producer):
    sink = FakeSink(down=True)
    work = await sinking(producer.log, sink)
    with pytest.raises(OSError, match="sink away"):
        await work.handle(batch(1, b"?", 2))
    sink.down = False
    await (await sinking(producer.log, sink)).handle(batch(1, b"?", 2, b"!"))
    assert sink.stored == [1, 2]
    assert producer.log.sent("in.dlq") == [b"?", b"!"]


async def test_telling_the_group_never_takes_it_back_over_what_is_buried(producer, monkeypatch):
    """The second reading comes in smaller batches, and the group is sent after the first of them."""
    sink = FakeSink(down=True)
    work = await sinking(producer.log, sink)
    with pytest.raises(OSError, match="sink away"):
        await work.handle(batch(1, 2, b"?"))
    sink.down = False
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0)
    work = await sinking(producer.log, sink)
    await work.handle(batch(1, 2))
    assert producer.log.group == 3
    await work.handle(batch(b"?", start=2))
    assert producer.log.sent("in.dlq") == [b"?"]
    await work.handle(batch(3, start=3))
    assert producer.log.group == 4


async def test_at_rest_the_group_is_told_once_more_where_the_sink_is(producer, monkeypatch):
    work = await sinking(producer.log, FakeSink())
    await work.handle(batch(1, 2))
    assert producer.log.group is None
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0.01)
    unseen = asyncio.Event()
    resting = asyncio.create_task(work.idle(unseen.wait()))
    while producer.log.group is None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert producer.log.group == 2
    assert not resting.done()
    unseen.set()
    await resting
    assert producer.log.transactions == 0


async def test_a_group_that_was_told_is_asked_nothing_more_while_nothing_comes(producer, monkeypatch):
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0)
    work = await sinking(producer.log, FakeSink(at=7))
    await rest_for_a_while(work)
    assert producer.log.asked == 1


async def test_while_nobody_knows_whether_poison_was_buried_the_group_is_told_nothing(producer, monkeypatch):
    """The transaction may yet take effect: an older offset, committed after it, would bury the same poison again."""
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0)
    work = await sinking(producer.log, FakeSink(at=5))
    producer.fails = 1
    with pytest.raises(OSError, match="broker away"):
        await work.handle(batch(b"?", start=5))
    await work.close()
    await work.open(producer.log)
    await rest_for_a_while(work)
    assert producer.log.group is None
    await work.handle(batch(b"?", 1, start=5))
    assert producer.log.group == 7


async def test_a_sink_that_was_killed_before_it_told_the_group_does_so_after_its_restart(producer, monkeypatch):
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0)
    work = await sinking(producer.log, FakeSink(at=7))
    await rest_for_a_while(work)
    assert producer.log.group == 7


async def test_a_group_that_was_told_of_buried_poison_is_not_taken_back_by_a_sink_that_has_not_stored_it(
    producer, monkeypatch
):
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0)
    sink = FakeSink(at=7, down=True)
    with pytest.raises(OSError, match="sink away"):
        await (await sinking(producer.log, sink)).handle(batch(1, b"?", start=7))
    work = await sinking(producer.log, sink)
    await rest_for_a_while(work)
    assert producer.log.group == 9


@pytest.mark.parametrize("moved_to", [0, 3, 1000])
async def test_a_sink_whose_group_was_moved_buries_its_poison_all_the_same_and_moves_the_group_back(
    producer, monkeypatch, moved_to
):
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0)
    await (await sinking(producer.log, sink := FakeSink())).handle(batch(1, b"?"))
    producer.log.group = moved_to
    work = await sinking(producer.log, sink)
    await work.handle(batch(b"!", 2, start=2))
    await rest_for_a_while(work)
    assert producer.log.sent("in.dlq") == [b"?", b"!"]
    assert (sink.stored, producer.log.group) == ([1, 2], 4)


async def test_a_sink_says_that_its_group_was_moved_on(producer, monkeypatch):
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0)
    sent = Told()
    shared = context(observer=sent)
    producer.log.group = 1000
    work = SinkTask(SOURCE, shared, FakeSink(at=7), DeadLetters("in.dlq", "group"), BURIED)
    await work.open(producer.log)
    await rest_for_a_while(work)
    assert (producer.log.group, sent.of) == (7, [("moved",)])
    assert shared.notices[SOURCE] == "somebody moved the consumer group's offset to 1000; our own position 7 holds"


async def test_a_group_that_cannot_be_told_is_told_later(producer, monkeypatch):
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0)
    producer.log.refuses = 2
    work = await sinking(producer.log, FakeSink(at=7))
    await rest_for_a_while(work)
    assert (producer.log.group, producer.log.refuses) == (7, 0)


async def test_a_group_that_does_not_answer_does_not_keep_a_sink_from_its_records(producer, monkeypatch):
    monkeypatch.setattr("ates.streams.sink_task.REPORT_SECONDS", 0)
    monkeypatch.setattr("ates.streams.sink_task.REPORTED_WITHIN_SECONDS", 0.01)
    producer.log.hangs = True
    sink = FakeSink()
    work = await sinking(producer.log, sink)
    unseen = asyncio.Event()
    resting = asyncio.create_task(work.idle(unseen.wait()))
    await asyncio.sleep(0)
    unseen.set()
    await resting
    await work.handle(batch(1, 2))
    assert sink.stored == [1, 2]
    assert producer.log.group is None


async def test_a_sink_without_dead_letters_only_counts_them(producer):
    sent = Told()
    work = SinkTask(SOURCE, context(observer=sent), FakeSink(), None, BURIED)
    await work.open(producer.log)
    await work.handle(batch(1, b"?"))
    assert producer.log.transactions == 0
    assert sent.of == [("handled", 2, 2, 1)]


async def test_an_observer_hears_of_each_transaction_and_of_each_failure(producer):
    sent = Told()
    work, _ = await opened(producer.log, observer=sent)
    await work.handle(batch(1, b"?"))
    producer.fails = 1
    with pytest.raises(OSError, match="broker away"):
        await work.handle(batch(3, start=2))
    assert sent.of == [("handled", 2, 2, 1), ("failed", "broker away")]

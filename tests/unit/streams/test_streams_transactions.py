"""A transaction has one outcome for its caller, whatever the brokers answer: committed, aborted, fenced, unknown."""

from __future__ import annotations

import asyncio

import pytest
from scripted_broker import EPOCH, PRODUCER_ID, SILENCE, Broker, opened

from ates.streams.batch import Outgoing
from ates.streams.privates.transactions import (
    Aborted,
    Fenced,
    OutcomeUnknown,
    PartitionMismatch,
    RecordsTooLarge,
    TransactionError,
    UnsupportedCluster,
    cluster,
    producer,
    transaction,
)
from ates.streams.privates.transactions.batches import Identity

RECORDS = [Outgoing("out", 1, b"k", b"v")]
SOURCE = ("in", 0)
WRITES = ("Produce", "TxnOffsetCommit")

PASSING_ANYWHERE = [7, 14, 15, 16, 51, SILENCE]
PASSING_FOR_A_LEADER = [2, 3, 5, 6, 8, 9, 19, 20, 56, 74, 75, 89]
FENCING = [47, 90]
ABORTING = [45, 46, 48, 49, 53, 59, 87, 120, 999]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is worth waiting for."""
    monkeypatch.setattr(cluster, "_SHORT_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(cluster, "_LONG_SECONDS", (0.0, 0.0))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For brokers that never come back."""
    monkeypatch.setattr(producer, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(producer, "ABORT_SECONDS", 0.3)


async def test_a_transaction_is_written_and_ended_and_the_next_has_the_epoch_of_the_answer():
    broker = Broker({})
    writer = opened(broker)
    assert await writer.commit(RECORDS, SOURCE, 7) == {("out", 1): 101}
    assert await writer.commit(RECORDS, SOURCE, 8) == {("out", 1): 101}
    assert broker.kinds() == ["TxnOffsetCommit", "Produce", "EndTxn"] * 2
    assert broker.ends() == [(EPOCH, True), (EPOCH + 1, True)]


async def test_a_request_waits_for_the_answer_to_the_one_before():
    """While one adds its partitions to the transaction, the coordinator refuses another one's."""
    broker = Broker({"TxnOffsetCommit": [51, 51]})
    await opened(broker).commit(RECORDS, SOURCE, 7)
    assert broker.kinds() == ["TxnOffsetCommit"] * 3 + ["Produce", "EndTxn"]


@pytest.mark.parametrize("kind", [*WRITES, "EndTxn"])
@pytest.mark.parametrize("code", PASSING_ANYWHERE)
async def test_what_passes_is_asked_again_in_the_same_epoch(kind, code):
    broker = Broker({kind: [code, code]})
    await opened(broker).commit(RECORDS, SOURCE, 7)
    asked = [fields for each, fields in broker.asked if each == kind]
    assert len(asked) == 3
    assert asked[0] == asked[1] == asked[2]


@pytest.mark.parametrize("code", PASSING_FOR_A_LEADER)
async def test_a_batch_keeps_its_sequence_when_its_leader_moves_or_is_not_ready(code):
    broker = Broker({"Produce": [code]})
    await opened(broker).commit(RECORDS, SOURCE, 7)
    first, second = [fields for kind, fields in broker.asked if kind == "Produce"]
    assert first == second


@pytest.mark.parametrize(
    ("kind", "lookup"), [("Produce", "metadata"), ("TxnOffsetCommit", "GROUP"), ("EndTxn", "TRANSACTION")]
)
async def test_a_leader_or_coordinator_that_moved_or_is_silent_is_looked_up_again(kind, lookup):
    for code in (6 if kind == "Produce" else 16, SILENCE):
        broker = Broker({kind: [code]})
        await opened(broker).commit(RECORDS, SOURCE, 7)
        assert broker.looked_up.count(lookup) == (1 if kind == "Produce" else 2)


@pytest.mark.parametrize("kind", [*WRITES, "EndTxn"])
@pytest.mark.parametrize("code", FENCING)
async def test_a_fenced_producer_says_so_and_writes_no_more(kind, code):
    broker = Broker({kind: [code]})
    writer = opened(broker)
    with pytest.raises(Fenced, match="id: another worker has it now"):
        await writer.commit(RECORDS, SOURCE, 7)
    assert not writer.is_open
    assert (EPOCH, False) not in broker.ends()


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("code", ABORTING)
async def test_what_the_broker_refuses_ends_the_transaction_and_not_the_producer(kind, code):
    broker = Broker({kind: [code]})
    writer = opened(broker)
    with pytest.raises(Aborted):
        await writer.commit(RECORDS, SOURCE, 7)
    assert broker.ends() == [(EPOCH, False)]
    await writer.commit(RECORDS, SOURCE, 7)
    assert broker.ends() == [(EPOCH, False), (EPOCH + 1, True)]


async def test_a_commit_that_must_be_an_abort_is_one():
    """TRANSACTION_ABORTABLE."""
    broker = Broker({"EndTxn": [120]})
    writer = opened(broker)
    with pytest.raises(Aborted, match="TRANSACTION_ABORTABLE"):
        await writer.commit(RECORDS, SOURCE, 7)
    assert broker.ends() == [(EPOCH, True), (EPOCH, False)]
    assert writer.is_open


async def test_an_abort_that_meets_a_successor_is_fenced():
    with pytest.raises(Fenced):
        await opened(Broker({"Produce": [120], "EndTxn": [90]})).commit(RECORDS, SOURCE, 7)


@pytest.mark.parametrize("codes", [[SILENCE] * 300_000, [51] * 300_000, [48], [49]])
@pytest.mark.usefixtures("impatient")
async def test_a_commit_that_is_not_confirmed_is_unknown_until_the_id_is_opened_again(codes, monkeypatch):
    broker = Broker({"EndTxn": codes})
    writer = opened(broker)
    with pytest.raises(OutcomeUnknown):
        await writer.commit(RECORDS, SOURCE, 7)
    with pytest.raises(Aborted, match="not open"):
        await writer.commit(RECORDS, SOURCE, 7)
    assert (EPOCH, False) not in broker.ends()
    broker.script.clear()
    monkeypatch.undo()
    await writer.open()
    await writer.commit(RECORDS, SOURCE, 7)


@pytest.mark.usefixtures("impatient")
async def test_a_silent_broker_is_given_up_with_its_last_trouble_and_what_it_may_hold_is_not_used_again():
    writer = opened(Broker({"Produce": [SILENCE] * 300_000, "EndTxn": [SILENCE] * 300_000}))
    with pytest.raises(Aborted, match=r"given up after 0.3 s: Produce to broker 1: NETWORK_EXCEPTION \(.*broken"):
        await writer.commit(RECORDS, SOURCE, 7)
    assert not writer.is_open


async def test_an_empty_transaction_is_not_on_the_wire():
    broker = Broker({})
    assert await opened(broker).commit([]) == {}
    assert broker.asked == []


async def test_a_transaction_that_never_began_is_not_ended_on_the_wire():
    broker = Broker({})
    writer = opened(broker)
    with pytest.raises(Aborted, match="topic missing: UNKNOWN_TOPIC_OR_PARTITION"):
        await writer.commit([Outgoing("missing", 0, b"k", b"v")], SOURCE, 7)
    assert broker.ends() == []
    assert writer.is_open


async def test_records_alone_and_an_offset_alone_are_transactions():
    broker = Broker({})
    writer = opened(broker)
    await writer.commit(RECORDS)
    await writer.commit([], SOURCE, 7)
    assert broker.kinds() == ["Produce", "EndTxn", "TxnOffsetCommit", "EndTxn"]


async def test_errors_name_topic_partition_and_reason():
    with pytest.raises(Aborted, match=r"id: Produce to out\[1\]: INVALID_RECORD \(why\)"):
        await opened(Broker({"Produce": [87]})).commit(RECORDS, SOURCE, 7)
    with pytest.raises(Aborted, match=r"id: offset of group group for in\[0\]: GROUP_AUTHORIZATION_FAILED"):
        await opened(Broker({"TxnOffsetCommit": [30]})).commit(RECORDS, SOURCE, 7)


async def test_another_producer_id_in_the_answer_is_the_next_transactions():
    """The epochs of the first are used up."""
    broker = Broker({})
    writer = opened(broker)
    broker.producer_id, broker.epoch = 6, -1
    await writer.commit(RECORDS, SOURCE, 7)
    assert writer._identity == Identity(6, 0)


async def test_a_batch_too_large_for_its_topic_is_halved_and_a_record_too_large_is_named():
    records = [Outgoing("out", 1, b"k", str(number).encode()) for number in range(3)]
    broker = Broker({"Produce": [10]})
    assert await opened(broker).commit(records, SOURCE, 7) == {("out", 1): 102}
    assert broker.kinds().count("Produce") == 3
    broker = Broker({"Produce": [10, 10]})
    writer = opened(broker)
    with pytest.raises(RecordsTooLarge, match=r"out\[1\]: MESSAGE_TOO_LARGE") as refused:
        await writer.commit(records, SOURCE, 7)
    assert refused.value.records == records[:1]
    assert broker.ends() == [(EPOCH, False)]


async def test_what_does_not_fit_into_one_request_waits_for_the_answer(monkeypatch):
    monkeypatch.setattr(transaction, "REQUEST_BYTES", 1)
    broker = Broker({})
    written = await opened(broker).commit([Outgoing("out", number, b"k", b"v") for number in range(3)])
    assert written == {("out", number): 101 for number in range(3)}
    assert broker.kinds() == ["Produce"] * 3 + ["EndTxn"]


async def test_a_broker_that_throttles_is_asked_nothing_meanwhile():
    broker = Broker({})
    writer = opened(broker)
    broker.throttle_ms = 100
    began = asyncio.get_running_loop().time()
    await writer.commit(RECORDS)
    broker.throttle_ms = 0
    assert asyncio.get_running_loop().time() - began >= 0.1


@pytest.mark.usefixtures("impatient")
async def test_throttling_longer_than_the_patience_is_named():
    broker = Broker({})
    broker.throttle_ms = 60_000
    with pytest.raises(OutcomeUnknown, match="THROTTLING_QUOTA_EXCEEDED"):
        await opened(broker).commit(RECORDS)


@pytest.mark.parametrize("code", PASSING_ANYWHERE)
async def test_opening_waits_for_a_coordinator_and_for_what_an_earlier_owner_left(code):
    broker = Broker({"InitProducerId": [code, code]})
    writer = opened(broker, opened=False)
    await writer.open()
    assert writer._identity == Identity(PRODUCER_ID, EPOCH)


@pytest.mark.parametrize(
    ("code", "name"), [(53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"), (50, "INVALID_TRANSACTION_TIMEOUT")]
)
async def test_what_keeps_a_producer_from_opening_is_named(code, name):
    with pytest.raises(TransactionError, match=f"InitProducerId of id: {name}"):
        await opened(Broker({"InitProducerId": [code]}), opened=False).open()


@pytest.mark.parametrize("features", [0, 1])
async def test_a_cluster_without_the_second_protocol_is_refused_by_name_with_the_way_to_raise_it(features):
    command = "kafka-features.sh --bootstrap-server kafka:9092 upgrade --feature transaction.version=2"
    with pytest.raises(
        UnsupportedCluster, match=f"kafka:9092 has transaction.version {features}, 2 is needed.*{command}"
    ):
        await opened(Broker({}, features), opened=False).open()


async def test_a_cancelled_caller_does_not_stop_the_work_and_close_waits_for_it():
    broker = Broker({})
    writer = opened(broker)
    task = asyncio.create_task(writer.commit(RECORDS, SOURCE, 7))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await writer.close()
    assert broker.ends() == [(EPOCH, True)]


async def test_topics_with_other_numbers_of_partitions_are_refused():
    broker = Broker({})
    broker.cluster.partitions_for_topic = {"in": {0, 1}, "same": {0, 1}, "narrow": {0}}.get
    writer = opened(broker)
    await writer.require_same_partitions("in", ["same"])
    with pytest.raises(PartitionMismatch, match="narrow has 1 partitions, in has 2"):
        await writer.require_same_partitions("in", ["same", "narrow"])

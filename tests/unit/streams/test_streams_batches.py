"""Record batches of a transaction: where a record goes, how large a batch is, which sequence it has."""

from __future__ import annotations

import pytest
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from ates.platform.kafka import partition_of
from ates.streams.batch import Outgoing
from ates.streams.privates.transactions.batches import Batch, Format, Identity, build, by_place, halves

PLAIN = Format(Identity(4711, 7), 1_700_000_000_000)
bytes_or_none = st.sampled_from([None, b"", b"k", b"x" * 60, b"y" * 300])
records = st.lists(
    st.builds(
        Outgoing,
        st.just("t"),
        st.just(0),
        bytes_or_none,
        bytes_or_none,
        st.sampled_from([[], [("name", b"value")], [("", None), ("попуг", b"")]]),
    ),
    min_size=1,
    max_size=30,
)


def decoded(batch: Batch) -> list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]]:
    """What a consumer reads in it."""
    memory = MemoryRecords(batch.encoded)
    found = memory.next_batch()
    assert found is not None and not memory.has_next() and found.validate_crc()
    return [(record.key, record.value, list(record.headers)) for record in found]


def header(batch: Batch) -> tuple[int, int, int, bool]:
    """Producer id, epoch, sequence, and whether it belongs to a transaction."""
    found = MemoryRecords(batch.encoded).next_batch()
    return found.producer_id, found.producer_epoch, found.base_sequence, found.is_transactional


@given(records=records, limit=st.integers(100, 2000))
def test_batches_hold_all_records_in_order_each_within_the_limit_under_the_number_of_its_first(records, limit):
    batches = build(records, Format(PLAIN.identity, PLAIN.timestamp_ms, batch_bytes=limit))
    assert [one for batch in batches for one in decoded(batch)] == [(r.key, r.value, list(r.headers)) for r in records]
    expected = 0
    for batch in batches:
        assert header(batch) == (4711, 7, expected, True)
        assert batch.sequence == expected
        assert len(batch.encoded) <= limit or len(batch.records) == 1
        expected += len(batch.records)


@given(records=records.filter(lambda found: len(found) > 1))
def test_the_halves_of_a_batch_hold_the_same_under_the_same_numbers(records):
    (whole,) = build(records, PLAIN, sequence=100)
    parts = halves(whole, PLAIN)
    assert [one for part in parts for one in decoded(part)] == decoded(whole)
    assert [part.sequence for part in parts] == [100, 100 + len(records) // 2]


@pytest.mark.parametrize("compression", [0, 1])
def test_a_compressed_batch_is_read_as_what_was_written(compression):
    values = [Outgoing("t", 0, b"k", b"the same " * 50) for _ in range(20)]
    (batch,) = build(values, Format(PLAIN.identity, PLAIN.timestamp_ms, compression))
    assert [value for _, value, _ in decoded(batch)] == [record.value for record in values]
    assert (len(batch.encoded) < 2000) == bool(compression)


@given(keys=st.lists(st.none() | st.binary(max_size=40), max_size=30), partitions=st.integers(1, 50))
def test_a_key_goes_where_every_client_puts_it_and_a_named_partition_is_taken_as_it_is(keys, partitions):
    outgoing = [Outgoing("t", None, key, b"%d" % number) for number, key in enumerate(keys)]
    named = Outgoing("t", 77, b"k", b"")
    places = by_place([*outgoing, named], lambda topic: partitions)
    assert places.pop(("t", 77)) == [named]
    expected: dict[tuple[str, int], list[Outgoing]] = {}
    for record in outgoing:
        expected.setdefault(("t", partition_of(record.key or b"", partitions)), []).append(record)
    assert places == expected

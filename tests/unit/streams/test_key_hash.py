"""A key goes to the partition to which every Kafka client sends it; aiokafka is the oracle."""

from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from ates.streams.privates.transactions.batches import murmur2, murmur2_in_python


@given(st.binary(max_size=80))
def test_a_key_has_the_hash_of_kafkas_own_partitioner(key: bytes) -> None:
    assert murmur2(key) == murmur2_in_python(key) == theirs(key) & 0xFFFFFFFF


def test_it_is_hashed_in_c() -> None:
    assert murmur2 is not murmur2_in_python, "the compiled modules are not built here: run make"

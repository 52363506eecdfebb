"""The streams runtime on a real Kafka: killed, paused, fenced, robbed of its offsets, it counts each number once."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
import raw_records
from as_operator import settings_of
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from streams_app import LETTERS, NUMBER, OUTPUT, PARTITIONS, SOURCE
from streams_world import World, until

from ates.platform.settings import Settings
from ates.streams.privates.runtime import SESSION_SECONDS
from ates.streams.privates.transactions import TransactionalProducer

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def kafka(stack: Any) -> Settings:
    return settings_of(stack.data)


@pytest.fixture
def world(kafka: Settings, tmp_path: Path) -> Iterator[World]:
    world = World(kafka, tmp_path)
    yield world
    world.close()


def test_workers_killed_and_paused_under_load_lose_nothing_and_do_nothing_twice(world):
    world.start("one", "two")
    world.ready()
    load = threading.Thread(target=world.send, args=(6000,), kwargs={"rate": 400})
    load.start()
    for instance in ("one", "two", "one"):
        time.sleep(world.random.uniform(1, 2))
        world.restart(instance)
    world.ready()
    world.workers["two"].tell(signal.SIGSTOP)
    time.sleep(SESSION_SECONDS + 2)
    world.workers["two"].tell(signal.SIGCONT)
    load.join()
    world.ready()
    world.all_told()
    world.verify()


def test_workers_that_come_and_go_open_only_the_partitions_that_move(world):
    """From one worker to two and back, under load: of what stays, no producer is opened and no record is read again."""
    world.start("one")
    world.ready()
    load = threading.Thread(target=world.send, args=(6000,), kwargs={"rate": 300})
    load.start()
    world.start("two")
    until(lambda: world.diary("two")[0], "the second worker to open something")
    world.ready()
    world.workers.pop("two").end()
    moved = set(world.diary("two")[0])
    until(lambda: all(world.diary("one")[0][partition] == 2 for partition in moved), "what moved to come back")
    load.join()
    world.all_told()
    world.verify()
    opened, read = world.diary("one")
    stayed = set(opened) - moved
    assert moved
    assert stayed
    assert {partition: opened[partition] for partition in stayed} == dict.fromkeys(stayed, 1)
    assert [at for at, times in read.items() if at[0] in stayed and times > 1] == []


def test_deleting_the_groups_offsets_and_all_local_state_changes_nothing(world):
    world.start("one")
    world.send(500)
    world.ready()
    world.all_told()
    world.workers["one"].end(signal.SIGTERM)
    rmtree(world.directory / "one")
    until(lambda: _deleted_group(world), "the group to be empty")
    world.start("one")
    world.send(500)
    world.ready()
    world.all_told()
    world.verify()


@pytest.mark.parametrize("moved_to", [0, 7, 10_000])
def test_a_group_that_somebody_moved_while_the_worker_was_down_changes_nothing_and_is_said(world, moved_to):
    world.start("one")
    world.send(500)
    world.ready()
    world.all_told()
    world.workers["one"].end(signal.SIGTERM)
    world.send(500)
    until(lambda: _moved_group(world, moved_to), "the group to be empty")
    world.start("one")
    world.ready()
    world.all_told()
    world.verify()
    assert f"somebody moved the consumer group's offset to {moved_to}" in world.workers["one"].log.read_text()


def _moved_group(world: World, offset: int) -> bool:
    """Offsets can be moved once the group's members are gone."""
    to = [TopicPartition(world.topic(SOURCE), partition, offset) for partition in range(PARTITIONS)]
    (future,) = world.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(world.name, to)]).values()
    try:
        return all(tp.error is None for tp in future.result().topic_partitions)
    except KafkaException:
        return False


def _deleted_group(world: World) -> bool:
    """A group can be deleted once its members are gone."""
    (future,) = world.admin.delete_consumer_groups([world.name]).values()
    try:
        future.result()
    except KafkaException:
        return False
    return True


def test_poison_becomes_one_dead_letter_and_the_next_record_is_handled(world):
    world.start("one")
    world.ready()
    world.send(20)
    for value in (b"\x00\xff", None, b"x" * 100_000):
        world.send_raw(b"1", value, 1, {"dlq_attempts": b"often", "nothing": None})
    world.send(20)
    world.all_told()
    world.restart("one")
    world.send(20)
    world.ready()
    world.all_told()
    world.verify()
    letters = world.read(LETTERS)
    assert [(letter.partition, letter.value) for letter in letters] == [
        (1, b"\x00\xff"),
        (1, None),
        (1, b"x" * 100_000),
    ]
    told = dict(letters[0].headers)
    assert told["dlq_topic"] == world.topic(SOURCE).encode()
    assert told["dlq_error"] == b"not_eight_bytes: a number has eight bytes"
    assert told["dlq_attempts"] == b"1"


@pytest.mark.parametrize(
    ("mischief", "error", "lives"),
    [
        (b"!hang", "ended_its_worker: ", 3),
        (b"!die", "ended_its_worker: ", 3),
        (b"!large", "record_too_large: ", 0),
        (b"!row", "unexpected: ", 0),
    ],
)
def test_a_record_that_cannot_be_handled_whatever_it_does_is_named_and_buried_and_all_others_are_handled(
    world, mischief, error, lives
):
    world.silent_seconds = 3.0
    world.start("one")
    world.ready()
    world.send(100)
    world.send_raw(b"1", mischief, 1, {})
    world.send(100)
    world.all_told_whoever_ends()
    world.verify()
    (letter,) = world.read(LETTERS)
    told = dict(letter.headers)
    assert (letter.partition, letter.value) == (1, mischief)
    assert told["dlq_error"].decode().startswith(error), told
    log = "".join(each.read_text() for each in world.directory.glob("one-*.log"))
    offset = int(told["dlq_offset"])
    for number in range(1, lives + 1):
        assert f"ended {number} times while it handled offset {offset}" in log
    assert lives or f"waits at offset {offset}" in log


def test_a_partition_of_which_nothing_is_fetched_any_more_is_noticed_and_fetched_anew(world):
    world.start("one")
    world.send(100)
    world.send_raw(b"1", b"!deafen", 1, {})
    world.ready()
    world.all_told()
    world.send(100)
    world.all_told()
    world.verify()
    assert "fetches nothing, though" in world.workers["one"].log.read_text()


def test_headers_that_somebody_else_wrote_stop_nothing_and_spare_nothing_its_letter(world):
    """Good records are handled, poison is buried, whatever their headers say and whatever these are called."""
    world.start("one")
    world.ready()
    world.send(20)
    foreign = {"dlq_letter": b"0", "dlq_group": b"other"}
    world.send_raw(b"1", b"poison", 1, foreign)
    world.send_raw(b"1", b"no id", 1, {"ce_id": None, "dlq_attempts": b"9" * 5000, **foreign})
    world.send_raw(b"1", NUMBER.pack(world.sent), 1, foreign)
    world.send_raw(
        b"1", NUMBER.pack(world.sent + 1), 1, {"dlq_group": world.name.encode(), "x" * 30_000: b"y" * 30_000}
    )
    for value in (b"strange", NUMBER.pack(world.sent + 2)):
        raw = raw_records.batch(b"1", value, b"\xff\xfe")
        asyncio.run(raw_records.send(world.topic(SOURCE), 1, raw, **world.client_options))
    world.sent += 3
    world.send(20)
    world.all_told()
    world.verify()
    letters = world.read(LETTERS)
    assert [letter.value for letter in letters] == [b"poison", b"no id", b"strange"]
    assert letters[2].headers[0] == ("\ufffd\ufffd", b"x")


def test_a_worker_whose_partition_was_taken_ends_with_an_error_and_its_successor_goes_on(world):
    world.start("one")
    world.send(100)
    world.ready()
    world.all_told()
    robbed = world.workers["one"]
    asyncio.run(_take_over(world, partition=0))
    world.send(100)
    assert robbed.popen.wait(90) not in {0, None}
    assert "another worker has it now" in robbed.log.read_text()
    world.start("one")
    world.ready()
    world.all_told()
    world.verify()


def test_a_worker_killed_between_a_commit_and_its_local_store_catches_up_from_the_changelog(world):
    world.deaths = [1, 3]
    world.start("one")
    for _ in range(6):
        world.send(50)
        world.ready()
    world.all_told()
    assert not world.deaths
    world.verify()


def test_local_state_that_is_damaged_or_belongs_elsewhere_is_not_trusted(world):
    world.start("one")
    world.send(400)
    world.ready()
    world.all_told()
    world.workers["one"].end()
    _damage(world.tables("one", 0))
    _swap(world.tables("one", 1), world.tables("one", 2))
    rmtree(world.tables("one", 3))
    world.start("one")
    world.send(400)
    world.ready()
    world.all_told()
    world.verify()
    assert "cannot be read and is built anew" in world.workers["one"].log.read_text()


def _damage(tables: Path) -> None:
    for file in tables.rglob("MANIFEST-*"):
        file.write_bytes(b"not a manifest")


def _swap(one: Path, other: Path) -> None:
    spare = one.with_name("spare")
    one.rename(spare)
    other.rename(one)
    spare.rename(other)


def test_workers_that_share_a_directory_do_not_wait_for_one_that_stands_still(world):
    world.shared_data = "shared"
    world.start("one")
    world.send(400)
    world.ready()
    world.all_told()
    world.workers["one"].tell(signal.SIGSTOP)
    world.start("two")
    world.send(400)
    until(lambda: world.workers["two"].ready, "the second worker")
    world.all_told()
    world.workers["one"].tell(signal.SIGCONT)
    world.send(400)
    world.ready()
    world.all_told()
    world.verify()


async def _take_over(world: World, partition: int) -> None:
    name = f"{world.name}-{world.topic(SOURCE)}-{partition}"
    producer = TransactionalProducer(world.client_options, name, world.name)
    await producer.open()
    await producer.close()


def test_a_worker_refuses_a_changelog_that_was_emptied(world):
    world.start("one")
    world.send(100)
    world.ready()
    world.all_told()
    world.workers["one"].end()
    world.forget_changelog()
    world.start("one")
    assert world.workers["one"].popen.wait(90) not in {0, None}
    assert "StateMismatch" in world.workers["one"].log.read_text()
    assert len(world.read(OUTPUT)) == 100
    world.workers.clear()

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
from confluent_kafka import KafkaException
from streams_app import LETTERS, OUTPUT, SOURCE
from streams_world import World, until

from ates.settings import Settings, load
from ates.streams.app import SESSION_SECONDS
from ates.streams.transactions import TransactionalProducer

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def kafka(stack: Any) -> str:
    return str(_settings(stack.data).kafka)


def _settings(data: Path) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATES_DATA", str(data))
        return load()


@pytest.fixture
def world(kafka: str, tmp_path: Path) -> Iterator[World]:
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
    producer = TransactionalProducer({"bootstrap.servers": world.kafka}, name, world.name)
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

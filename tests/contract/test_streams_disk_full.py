"""A broker without room refuses to go on; with room again, everything that was sent is there once and whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_on_small_disk import Broker, SmallDisk
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from streams_world import PATIENCE_SECONDS, World, until

from ates.embedded.console import Console
from ates.embedded.downloads import kafka_home
from ates.embedded.ports import LOOPBACK, choose
from ates.platform.settings import Settings

pytestmark = pytest.mark.stack

DISK_MEGABYTES = 64
ROOM_MEGABYTES = 1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk", DISK_MEGABYTES)
    yield disk
    disk.close()


def test_fault_15_a_full_disk_stops_the_log_and_tears_nothing(disk: SmallDisk, tmp_path: Path) -> None:
    ports = choose(["broker", "controller"], {})
    broker = Broker(disk, kafka_home(Console()), (ports["broker"], ports["controller"]), tmp_path / "broker.log")
    address = f"{LOOPBACK}:{ports['broker']}"
    try:
        until(lambda: _answers(address), "the broker to answer")
        world = World(Settings(kafka=address), tmp_path)
        world.start("one")
        world.send(500)
        world.ready()
        world.all_told()

        disk.fill(but_megabytes=ROOM_MEGABYTES)
        load = threading.Thread(target=world.send, args=(30_000,))
        load.start()
        broker.wait_for_its_end(PATIENCE_SECONDS)
        assert "No space left on device" in broker.log.read_text()

        disk.make_room()
        broker.start()
        until(lambda: _answers(address), "the broker to answer again")
        load.join()
        world.ready()
        world.all_told()
        world.verify()
        world.close()
    finally:
        broker.kill()


def _answers(address: str) -> bool:
    try:
        return bool(AdminClient({"bootstrap.servers": address, "log_level": 2}).list_topics(timeout=2).brokers)
    except KafkaException:
        return False

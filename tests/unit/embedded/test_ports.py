"""Ports are free when chosen, kept between runs, and a taken one is refused by saying who has it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ates.embedded import StackError, ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_every_name_gets_a_free_port_of_its_own() -> None:
    chosen = ports.choose([f"p{n}" for n in range(50)], {})
    assert len(set(chosen.values())) == 50
    assert all(ports.is_free(port) for port in chosen.values())


def test_a_port_is_kept_as_long_as_nobody_else_has_taken_it(taken: int) -> None:
    before = ports.choose(["kafka", "postgres"], {})
    assert ports.choose(["kafka", "postgres"], before) == before
    after = ports.choose(["kafka", "postgres"], {**before, "kafka": taken})
    assert after["kafka"] != taken
    assert after["postgres"] == before["postgres"]


def test_a_port_that_another_process_has_chosen_is_not_chosen_again_before_it_is_bound() -> None:
    choose = "from ates.embedded import ports; print(ports.choose(['kafka'], {})['kafka'], flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", choose], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    theirs = int(other.stdout.readline())
    assert ports.is_free(theirs)
    assert ports.choose(["kafka"], {"kafka": theirs})["kafka"] != theirs
    other.communicate("end\n")
    assert ports.choose(["kafka"], {"kafka": theirs})["kafka"] == theirs


def test_a_taken_port_is_refused_with_the_name_of_its_holder(taken: int) -> None:
    with pytest.raises(StackError, match=rf"port {taken} is taken by .*pid {os.getpid()}.*--port"):
        ports.require_free(taken)

"""Faults, made to processes of the test's own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from ates.embedded import faults
from ates.tools.lab.catalogue import EXPERIMENTS
from ates.topology import WORKERS

CONNECTED = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); print(s.recv(1))"


def test_a_process_and_its_descendants_are_killed() -> None:
    parent = subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60; wait"])
    while len(family := psutil.Process(parent.pid).children(recursive=True)) < 2:
        time.sleep(0.01)
    faults.kill_family(parent.pid)
    assert parent.wait(10) == -signal.SIGKILL
    assert psutil.wait_procs(family, timeout=10)[1] == []


def test_a_paused_process_goes_on_whatever_happens_meanwhile() -> None:
    process = subprocess.Popen(["sleep", "60"])
    with pytest.raises(RuntimeError), faults.paused(process.pid):
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        raise RuntimeError
    while psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
        time.sleep(0.01)
    process.kill()
    process.wait()


def test_the_connections_of_another_process_to_one_port_are_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-c", CONNECTED, str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        connection, _ = server.accept()
        with connection:
            assert faults.sever(process.pid, port + 1) == 0
            while not faults.sever(process.pid, port):
                time.sleep(0.01)
            assert connection.recv(1) == b""  # to this side it ended too
        assert process.communicate(timeout=10)[0] == "b''\n"


def test_what_is_gone_is_no_error() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    faults.kill(process.pid)
    faults.kill_family(process.pid)
    assert faults.sever(process.pid, 1) == 0
    assert not psutil.pid_exists(process.pid) or os.getpid() != process.pid


def test_every_worker_can_be_killed_paused_and_cut_off() -> None:
    for name in ("kill-worker", "pause-worker", "cut-kafka"):
        assert list(EXPERIMENTS[name].targets) == [worker.id for worker in WORKERS.values()]
    assert EXPERIMENTS["poison"].target("") == ""
    assert EXPERIMENTS["kill-worker"].target("") == "worker.tasks"
    assert EXPERIMENTS["kill-worker"].target("kafka") is None

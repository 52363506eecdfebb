"""Faults made on purpose, to processes: what `make chaos` and the lab of a demo do.

A process is killed, stopped for a while, or its connections are cut under it. Cutting needs Linux: the descriptor of
another process' socket is duplicated (`pidfd_getfd(2)`), which the kernel allows to its parents, and shut down.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

_PIDFD_GETFD = 438  # the same number on every architecture


def kill(pid: int) -> None:
    """kill -9."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_family(pid: int) -> None:
    """kill -9 of a process and all its descendants: Postgres' backends outlive it for a moment, and go on answering."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.kill()


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stopped for as long as the block lasts: to everybody else it is gone, and then it goes on where it was."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def sever(pid: int, port: int) -> int:
    """Cut the connections that a process has to `port` of this machine now; how many. Raises `OSError`."""
    if sys.platform != "linux":
        raise OSError("connections of another process can only be cut on Linux")
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        found = psutil.Process(pid).net_connections("tcp")
        return sum(_shut(pid, at.fd) for at in found if at.raddr and at.raddr.port == port and at.fd >= 0)
    return 0


def _shut(pid: int, descriptor: int) -> bool:
    handle = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        copy = libc.syscall(_PIDFD_GETFD, handle, descriptor, 0)
        if copy < 0:
            number = ctypes.get_errno()
            if number == errno.EBADF:
                return False  # it was closed meanwhile
            raise OSError(number, f"the system lets nobody cut the connections of another: {os.strerror(number)}")
    finally:
        os.close(handle)
    with socket.socket(fileno=copy) as connection, suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
        return True
    return False  # it was closed meanwhile

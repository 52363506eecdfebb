"""Choosing ports, and saying who holds one."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Iterable

from ates.embedded import StackError

LOOPBACK = "127.0.0.1"
# Below the range that the kernel deals out to outgoing connections, so that a kept port stays free between runs.
_RANGE = range(20000, 30000)
# UDP sockets of the same numbers. A port is bound long after it was chosen, by another process; meanwhile and until we
# end, no other stack can take it. The kernel lets go of them, however we end.
_reserved: dict[int, socket.socket] = {}


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True


def choose(names: Iterable[str], kept: dict[str, int]) -> dict[str, int]:
    """A free port for every name: the kept one when nobody else has taken it meanwhile, else a new one.

    No other process that chooses is given one of them for as long as this one lives.
    """
    chosen: dict[str, int] = {}
    for name in names:
        port = kept.get(name, 0)
        if not port or port in chosen.values() or not _is_ours(port):
            port = _free_port(avoid={*chosen.values(), *kept.values()})
        chosen[name] = port
    return chosen


def _is_ours(port: int) -> bool:
    return is_free(port) and _reserve(port)


def _reserve(port: int) -> bool:
    if port not in _reserved:
        reservation = socket.socket(type=socket.SOCK_DGRAM)
        try:
            reservation.bind((LOOPBACK, port))
        except OSError:
            reservation.close()
            return False
        _reserved[port] = reservation
    return True


def _free_port(avoid: set[int]) -> int:
    for port in random.sample(_RANGE, len(_RANGE)):  # nothing secret about a port number
        if port not in avoid and _is_ours(port):
            return port
    raise StackError("no_free_port", f"no free port between {_RANGE.start} and {_RANGE.stop}")


def require_free(port: int) -> None:
    """Refuse a port that somebody else listens on, naming the process as far as we may see it."""
    if not is_free(port):
        raise StackError(
            "port_taken", f"port {port} is taken by {holder(port)}; stop it, or choose another with --port"
        )


def holder(port: int) -> str:
    """Who listens on `port`, in words."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            listens_there = connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", 0) == port
            if listens_there and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return "another process"

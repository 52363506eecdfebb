"""Run a program that ends when its parent does. Started as a script, replaced by the program through exec.

`guard.py PARENT_PID SIGNAL USER PROGRAM [ARGUMENT…]`: SIGNAL is sent to the program when the parent dies, even
by kill -9; USER, when not `-`, is who the program becomes (Postgres refuses to run as root).

Standard library only, and run with `-I -S`: it costs some 15 ms, and no memory once the program has taken over.
Outside Linux there is no such signal; there the next `ates up` or `ates down` ends what was left.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

_SET_DEATH_SIGNAL = 1
_SET_KEEP_CAPABILITIES = 8
_AMBIENT = 47
_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_DAC_OVERRIDE = 1
_DAC_READ_SEARCH = 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def become(user: str) -> None:
    """Stop being root, keeping only the right to read: the program may lie below a directory closed to `user`.

    Without that right one would have to open root's home directory to everybody.
    """
    libc = ctypes.CDLL(None)
    entry = pwd.getpwnam(user)
    libc.prctl(_SET_KEEP_CAPABILITIES, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    for capability in (_DAC_READ_SEARCH, _DAC_OVERRIDE):  # containers often withhold the first
        bit = 1 << capability
        sets = (_Sets * 2)(_Sets(bit, bit, bit))
        if libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), sets) == 0:
            libc.prctl(_AMBIENT, _AMBIENT_RAISE, capability, 0, 0)
            return


def end_with(parent: int, signal_number: int) -> None:
    """Ask the kernel for `signal_number` when `parent` dies; leave at once when it already has."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def main(arguments: list[str]) -> None:
    parent, signal_number, user, *program = arguments
    if user != "-":
        become(user)
    end_with(int(parent), int(signal_number))
    os.execv(program[0], program)  # noqa: S606 (that is what this script is for)


if __name__ == "__main__":
    main(sys.argv[1:])

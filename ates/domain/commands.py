"""The fields of every command, and its two possible outcomes. Shared by the contexts; no I/O.

Ids are UUIDs as text, times aware UTC to the millisecond. The lines `field: meaning` of these docstrings
document the Avro fields too (`ates.schemas`), which also need the annotations as types, not as text.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Somebody wants something done.

    command_id: UUID of the command; the same request sent again carries the same one
    actor_id: account that sent it; for a system command, the account it is about or the company's own
    request_hash: SHA-256 in hex of the request; another hash with the same command_id is a misused key
    issued_at: when it was asked for; the business time of everything that follows from it
    """

    command_id: str
    actor_id: str
    request_hash: str
    issued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Command):
    """What became of a command on one partition; a fan-out is decided when all `partitions` have come.

    code: stable code of the refusal, empty when applied
    detail: one sentence for people, empty when applied
    result: JSON text; create and complete give {"task_id", "version"}, assign gives {"assigned": n}
    partition: partition that this outcome speaks for, from 0
    partitions: how many outcomes the command has: 1, or the number of partitions of a fan-out
    """

    code: str = ""
    detail: str = ""
    result: str = "{}"
    partition: int = 0
    partitions: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandApplied(Outcome):
    """The command took effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRejected(Outcome):
    """A rule of the business refused the command; nothing changed."""

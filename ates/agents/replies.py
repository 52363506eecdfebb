"""The outcome of a command, as a record to send; and the check that a record lies where its id says."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ates.domain.commands import Command, CommandApplied, CommandRejected
from ates.domain.errors import Rejected, Unprocessable
from ates.streams import Message, Send


def check_key(message: Message, row_id: str) -> None:
    """A record under another key than the id of its row would start a second row, on another partition.

    Raises `Unprocessable` (`wrong_key`).
    """
    if message.key != row_id.encode():
        raise Unprocessable("wrong_key", f"this record belongs under the key {row_id}")


def check_partition(message: Message, partition: int) -> None:
    """One record of a fan-out handled on another partition would be done twice there, and never on its own.

    Raises `Unprocessable` (`wrong_partition`).
    """
    if message.partition != partition:
        raise Unprocessable("wrong_partition", f"this record is meant for partition {partition}")


def applied(topic: str, command: Command, result: Mapping[str, object]) -> Send:
    """`command` took effect; `result` is what its sender wants to know of it."""
    outcome = CommandApplied(**_of(command), result=msgspec.json.encode(result).decode())
    return Send(topic, command.command_id, outcome)


def rejected(topic: str, command: Command, refusal: Rejected) -> Send:
    """`command` was refused for the reason that `refusal` gives."""
    outcome = CommandRejected(**_of(command), code=refusal.code, detail=refusal.detail)
    return Send(topic, command.command_id, outcome)


def _of(command: Command) -> dict[str, Any]:
    """The fields that an outcome has of its command. A command that fans out has an outcome for each partition."""
    return {
        "command_id": command.command_id,
        "actor_id": command.actor_id,
        "request_hash": command.request_hash,
        "issued_at": command.issued_at,
        "partition": getattr(command, "partition", 0),
        "partitions": getattr(command, "partitions", 1),
    }

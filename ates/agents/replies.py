"""The outcome of a command, as a record to send; and the check that a record lies where its id says."""

from collections.abc import Mapping

import msgspec

from ates.domain.errors import Rejected, Unprocessable
from ates.domain.commands import Command, CommandApplied, CommandRejected
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


def applied(
    topic: str, command: Command, result: Mapping[str, object], partition: int = 0, partitions: int = 1
) -> Send:
    """`command` took effect; `result` is what its sender wants to know of it."""
    outcome = CommandApplied(
        command_id=command.command_id,
        actor_id=command.actor_id,
        request_hash=command.request_hash,
        issued_at=command.issued_at,
        result=msgspec.json.encode(result).decode(),
        partition=partition,
        partitions=partitions,
    )
    return Send(topic, command.command_id, outcome)


def rejected(topic: str, command: Command, refusal: Rejected, partition: int = 0, partitions: int = 1) -> Send:
    """`command` was refused for the reason that `refusal` gives."""
    outcome = CommandRejected(
        command_id=command.command_id,
        actor_id=command.actor_id,
        request_hash=command.request_hash,
        issued_at=command.issued_at,
        code=refusal.code,
        detail=refusal.detail,
        partition=partition,
        partitions=partitions,
    )
    return Send(topic, command.command_id, outcome)

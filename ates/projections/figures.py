"""Figures of a batch that a read model of one kind takes: of each figure only the newest record.

A row cannot be upserted twice in one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ates.domain.analytics.messages import Figure
from ates.projections.statements import columns
from ates.streams import Message

F = TypeVar("F", bound=Figure)


async def upsert(
    connection: Any,
    statement: str,
    messages: Sequence[Message],
    kind: type[F],
    row: Callable[[F], tuple[object, ...]],
    newer: Callable[[F, F], bool] = lambda figure, held: figure.entries > held.entries,  # type: ignore[attr-defined]
) -> None:
    """Run `statement` over the newest figures of `kind`, if there are any. `newer(figure, held)`: it replaces it."""
    newest: dict[tuple[str, int], F] = {}
    for figure in (message.value for message in messages if isinstance(message.value, kind)):
        key = figure.figure, figure.partition
        if key not in newest or newer(figure, newest[key]):
            newest[key] = figure
    if newest:
        await connection.execute(statement, *columns(map(row, newest.values())))

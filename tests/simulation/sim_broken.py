"""Broken runtimes: a simulator that does not catch them proves nothing."""

from __future__ import annotations

from itertools import count
from typing import Any

from faust.types import TP

from ates.streams.changelog import POSITION_KEY
from ates.streams.transactional_task import TransactionalTask

_owners = count()


def no_fencing(tp: TP) -> str:
    """A transactional id for each owner: nobody is fenced."""
    return f"random-{next(_owners)}"


class PositionFirst(TransactionalTask):
    """Broken: the position is committed before what it stands for."""

    async def _commit(self, result: Any, next_offset: int) -> None:
        assert self._producer is not None
        changelog = self._changelogs.outgoing(self._tp.partition, result.changes, next_offset)
        position = [record for record in changelog if record.key == POSITION_KEY]
        rows = [record for record in changelog if record.key != POSITION_KEY]
        await self._producer.commit(position, tuple(self._tp), next_offset)
        written = await self._producer.commit([*rows, *result.outgoing], tuple(self._tp), next_offset)
        self._changelogs.apply(self._tp.partition, result.changes, next_offset, written, self._stores)


class ApplyFirst(TransactionalTask):
    """Broken: rows reach the table before the transaction has committed."""

    async def _commit(self, result: Any, next_offset: int) -> None:
        self._changelogs.apply(self._tp.partition, result.changes, next_offset, {}, self._stores)
        await super()._commit(result, next_offset)

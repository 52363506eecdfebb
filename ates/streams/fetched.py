"""Batches as they are fetched, and the consumer that fetches them, as far as a partition needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from faust.types import TP


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition, fetched together. `epoch` counts seeks: batches of an older one are out of date."""

    tp: TP
    epoch: int
    start: int
    records: Sequence[Any]

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return int(self.records[-1].offset) + 1


class GroupOffset(Protocol):
    """What the consumer group has committed of one partition."""

    async def committed(self) -> int | None:
        """The offset to read next, None when the group has none."""

    async def commit(self, offset: int) -> None:
        """Move it, outside of any transaction. Raises when we are no member of the group's generation."""


class Consumer(Protocol):
    """Fetches partitions, from where each was last sought."""

    def pause_partitions(self, tps: Iterable[TP]) -> Any:
        """Fetch nothing of them."""

    def resume_partitions(self, tps: Iterable[TP]) -> Any:
        """Fetch them again."""

    async def start_from(self, tp: TP, offset: int) -> int:
        """Read `tp` from `offset` on; returns the epoch of the batches to come."""

    async def behind(self, tp: TP, position: int) -> int:
        """Offsets between `position`, or what was fetched since, and the end that the broker says the log has."""

    async def bounds(self, tp: TP) -> tuple[int, int]:
        """The first offset still in the log, and the one after the last that is committed."""

    def group_offset(self, tp: TP) -> GroupOffset:
        """The consumer group's committed offset of `tp`."""

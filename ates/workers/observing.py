"""A worker's numbers: what its batches come to, and how far it lags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from faust.types import TP
from prometheus_client import Gauge

from ates.platform.metrics import (
    ABORTS,
    BATCH_RECORDS,
    DEAD_LETTERS,
    GROUP_OFFSETS_MOVED,
    LAG_RECORDS,
    RECORDS,
    STALLS,
    TRANSACTION_SECONDS,
    WAITS_AT,
)
from ates.streams import Message, Observer


class StreamMetrics(Observer):
    """Counts what becomes of a worker's batches."""

    def handled(self, tp: TP, next_offset: int, records: int, dead: int, seconds: float) -> None:
        RECORDS.labels(tp.topic, tp.partition).inc(records)
        BATCH_RECORDS.labels(tp.topic).observe(records)
        TRANSACTION_SECONDS.labels(tp.topic).observe(seconds)
        if dead:
            DEAD_LETTERS.labels(tp.topic).inc(dead)

    def failed(self, tp: TP, error: Exception) -> None:
        ABORTS.labels(tp.topic, type(error).__name__).inc()

    def group_offset_moved(self, tp: TP) -> None:
        GROUP_OFFSETS_MOVED.labels(tp.topic, tp.partition).inc()

    def stalled(self, tp: TP) -> None:
        STALLS.labels(tp.topic, tp.partition).inc()


def show_lag(lags: Mapping[TP, int]) -> None:
    """Let the gauge say `lags`, and forget partitions that are another worker's now."""
    _show(LAG_RECORDS, lags)


def show_waiting(waiting: Mapping[TP, int]) -> None:
    """Let the gauge say at which record each partition waits, and forget those that go on."""
    _show(WAITS_AT, waiting)


def _show(gauge: Gauge, figures: Mapping[TP, int]) -> None:
    gauge.clear()
    for tp, figure in figures.items():
        gauge.labels(tp.topic, tp.partition).set(figure)


class Observers(Observer):
    """Several in the place of one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def begins(self, message: Message) -> None:
        for observer in self._observers:
            observer.begins(message)

    def handled(self, tp: TP, next_offset: int, records: int, dead: int, seconds: float) -> None:
        for observer in self._observers:
            observer.handled(tp, next_offset, records, dead, seconds)

    def failed(self, tp: TP, error: Exception) -> None:
        for observer in self._observers:
            observer.failed(tp, error)

    def group_offset_moved(self, tp: TP) -> None:
        for observer in self._observers:
            observer.group_offset_moved(tp)

    def stalled(self, tp: TP) -> None:
        for observer in self._observers:
            observer.stalled(tp)

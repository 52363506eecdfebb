"""Is it flat? What a long run says about memory, files, threads, lag, pauses and tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .samples import Sample

# The first quarter is warm-up: caches fill, code is loaded, the heap of the JVM finds its size.
QUARTERS = 4
GROWTH = 1.10

# Kind of figure → unit, and the growth that is no finding, whatever its share.
KINDS = {"memory": ("MiB", 8.0), "files": ("open files", 8.0), "threads": ("threads", 3.0)}
LAG_RECORDS, PAUSE_SECONDS = 50.0, 5.0
# Tables keep rows, so they grow with them: the bytes of a row are to stay the same.
TABLES_BYTES = 512.0


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over time. `early` and `late`: medians of the second and of the last quarter.

    kind: memory, files, threads, lag, pause or tables; name: the process, or "" where there is one for all
    """

    kind: str
    name: str
    unit: str
    values: tuple[float, ...]
    allowed: float

    @property
    def early(self) -> float:
        return statistics.median(self._quarter(1))

    @property
    def late(self) -> float:
        return statistics.median(self._quarter(QUARTERS - 1))

    @property
    def flat(self) -> bool:
        return self.late <= max(self.early * GROWTH, self.early + self.allowed)

    def _quarter(self, number: int) -> tuple[float, ...]:
        size = len(self.values)
        return self.values[size * number // QUARTERS : size * (number + 1) // QUARTERS] or self.values[-1:]


def series(samples: Sequence[Sample]) -> Iterator[Series]:
    """Every figure of a run of at least one sample, processes in the order of the first."""
    for kind, (unit, allowed) in KINDS.items():
        for name in getattr(samples[0], kind):
            values = tuple(float(getattr(sample, kind)[name]) for sample in samples)
            yield Series(kind, name, unit, values, allowed)
    yield Series("lag", "", "records", tuple(float(sample.lag) for sample in samples), LAG_RECORDS)
    yield Series("pause", "", "s", tuple(sample.pause for sample in samples), PAUSE_SECONDS)
    yield Series("tables", "", "bytes a command", tuple(_bytes_a_command(samples)), TABLES_BYTES)


def _bytes_a_command(samples: Sequence[Sample]) -> Iterator[float]:
    for sample in samples:
        yield round(sample.tables * (1 << 20) / max(sample.tasks, 1), 1)

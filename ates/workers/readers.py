"""Which consumer groups read a topic."""

from __future__ import annotations

from functools import cache

from ates.topology import WORKERS


@cache
def readers(topic: str) -> frozenset[str]:
    """The groups that handle or store the records of `topic`; each is named like its worker."""
    return frozenset(name for name, worker in WORKERS.items() if topic in {source.name for source in worker.sources})

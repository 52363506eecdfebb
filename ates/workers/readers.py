"""Which consumer groups read a topic."""

from __future__ import annotations

from functools import cache

from ates.tables import AGENTS
from ates.workers.postgres import READ


@cache
def readers(topic: str) -> frozenset[str]:
    """The groups that handle or store the records of `topic`; each is named like its worker."""
    handlers = {*AGENTS.values(), ("tasks", "auth.accounts")}
    sinks = {(worker, name) for worker, topics in READ.items() for name in topics}
    return frozenset(group for group, read in handlers | sinks if read == topic)

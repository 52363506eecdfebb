"""Reads the agents' tables from their changelogs."""

from __future__ import annotations

import json
from contextlib import aclosing

from ates.audit.log import Log
from ates.audit.tables import HELD, TALLIED, Tables
from ates.streams.changelog import topic_name

_RESERVED = b"\0"  # begins the keys that are no rows: where an agent had got to


async def read(log: Log) -> Tables:
    """All of it, as it is now."""
    tables = Tables()
    names = {topic_name(app, table): table for table, app in {**HELD, **TALLIED}.items()}
    async with aclosing(log.read(await log.ends(names))) as records:
        async for record in records:
            if not record.key.startswith(_RESERVED):
                value = None if record.value is None else json.loads(record.value)
                tables.take(names[record.topic], record.partition, record.key.decode(), value)
    return tables

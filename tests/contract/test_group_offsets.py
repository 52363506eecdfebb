"""Where sinks are is what their consumer groups say, once nothing more comes."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from chaos.client import eventually

from ates.platform.log_reader import TopicLog
from ates.platform.settings import load
from ates.tools.audit.database import positions
from ates.topology import WORKERS

pytestmark = pytest.mark.stack


async def test_at_rest_the_groups_of_the_read_models_are_where_postgres_is(stack: Any) -> None:
    settings = load("audit", {"ATES_DATA": str(stack.data)})
    log = TopicLog(settings)
    outcomes = {topic.name for topic in WORKERS["outcomes"].sinks}
    connection = await asyncpg.connect(settings.postgres)

    async def told() -> bool:
        at = await positions(connection)
        groups = {group: log.group_offsets(group) for group in ("views", "outcomes")}
        return any(at.values()) and all(
            groups["outcomes" if where[0] in outcomes else "views"].get(where, 0) >= offset
            for where, offset in at.items()
        )

    try:
        await eventually(told, "views and outcomes have told their groups where they are")
    finally:
        await connection.close()

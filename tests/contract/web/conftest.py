"""Front ends over a real Postgres, its views filled by hand; in place of the workers, a stand-in that decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from stand_in import fill, serving

from ates.web.accounting.app import create_app as accounting_app
from ates.web.analytics.app import create_app as analytics_app
from ates.web.tasks.app import create_app as tasks_app


@pytest.fixture(scope="module")
def views(database: Any) -> Any:
    asyncio.run(fill(database.admin))
    return database


@pytest.fixture
async def tasks(views: Any) -> AsyncIterator[SimpleNamespace]:
    async for served in serving(tasks_app, "tasks", views):
        yield served


@pytest.fixture
async def accounting(views: Any) -> AsyncIterator[SimpleNamespace]:
    async for served in serving(accounting_app, "accounting", views):
        yield served


@pytest.fixture
async def analytics(views: Any) -> AsyncIterator[SimpleNamespace]:
    async for served in serving(analytics_app, "analytics", views):
        yield served

"""What admins wait for, measured at a hundredth of the size: every page of analytics, every kind of search."""

from __future__ import annotations

from typing import Any

import pytest

from bench import figures, search
from bench.stack import Stack

pytestmark = pytest.mark.stack


async def test_every_kind_of_search_looks_at_every_record(servers: Any) -> None:
    found = await search.measure(servers.data, 10_000, again=False)
    assert set(found["records_per_second"]) == set(search.SEARCHES)
    assert min(found["records_per_second"].values()) > 0


async def test_every_page_of_analytics_is_there_over_a_year_of_transactions(own_stack: Any) -> None:
    found = await figures.measure(Stack(own_stack.data, own_stack.said), 10_000, 2)
    assert len(found["pages"]) == len(figures.PAGES)

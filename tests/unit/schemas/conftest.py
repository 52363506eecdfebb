"""The codec, with a schema registry in memory."""

from __future__ import annotations

import pytest
from memory_registry import MemoryRegistry, started

from ates.schemas.codec import Codec


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry.complete()


@pytest.fixture(params=["compiled", "fastavro"])
async def codec(registry: MemoryRegistry, request: pytest.FixtureRequest) -> Codec:
    """Once built, once not: nobody may see a difference."""
    return await started(registry, request.param)

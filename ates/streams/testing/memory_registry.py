"""A schema registry in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MemoryRegistry:
    """Equal schemas have one id, whatever their subjects."""

    def __init__(self) -> None:
        self._schemas: list[Mapping[str, Any]] = []

    async def register(self, subject: str, schema: Mapping[str, Any]) -> int:
        """The id of `schema`, the first is 1."""
        if schema not in self._schemas:
            self._schemas.append(schema)
        return self._schemas.index(schema) + 1

    async def schema(self, id: int) -> Mapping[str, Any]:
        """Raises `LookupError` for an id of nobody's."""
        return self._schemas[id - 1]

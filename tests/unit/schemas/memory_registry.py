"""A schema registry in memory: an id for each different schema, as a real one gives."""

from __future__ import annotations

import json
from typing import Any, Self

import pytest

from ates.schemas import history
from ates.schemas.codec import Codec
from ates.schemas.subjects import SUBJECTS


class MemoryRegistry:
    """`schemas` is what is registered: id -> schema."""

    def __init__(self) -> None:
        self.schemas: dict[int, dict[str, Any]] = {}
        self._ids: dict[str, int] = {}
        self._subjects: dict[int, set[str]] = {}

    def register(self, subject: str, schema: dict[str, Any]) -> int:
        schema_id = self._ids.setdefault(json.dumps(schema, sort_keys=True), len(self._ids) + 1)
        self.schemas[schema_id] = schema
        self._subjects.setdefault(schema_id, set()).add(subject)
        return schema_id

    async def id_of(self, subject: str, schema: dict[str, Any]) -> int | None:
        return self._ids.get(json.dumps(schema, sort_keys=True))

    async def schema(self, schema_id: int) -> dict[str, Any] | None:
        return self.schemas.get(schema_id)

    async def subjects(self, schema_id: int) -> frozenset[str]:
        return frozenset(self._subjects.get(schema_id, ()))

    async def close(self) -> None: ...

    @classmethod
    def complete(cls) -> Self:
        """With every version of every subject."""
        found = cls()
        for subject in SUBJECTS:
            for schema in history.versions(subject):
                found.register(subject, schema)
        return found


async def started(registry: MemoryRegistry, name: str, *, writes_old: bool = False) -> Codec:
    """The codec `name`: compiled or fastavro."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATES_CODEC", name)
        codec = Codec(registry, writes_old=writes_old)
        await codec.start()
    return codec

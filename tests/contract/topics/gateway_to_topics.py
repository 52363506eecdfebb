"""How the tests of topics reach them: the API and the pages, and how many partitions a topic of theirs has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

PARTITIONS = 3


@dataclass(frozen=True)
class Gateway:
    """The API and the pages, as the admin."""

    url: str
    token: str
    client: httpx.Client

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.client.get(path, params=query or None, headers=self.bearer)

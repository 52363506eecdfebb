"""The agents' tables, as told record by record. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ates.audit.fingerprint import Tally

# The worker that writes each table. Tables that only grow are tallied, the others held.
HELD = {"tasks": "tasks", "open_tasks": "tasks", "prices": "accounting", "accounts": "accounting"}
TALLIED = {"charges": "accounting", "transactions": "accounting"}


@dataclass(slots=True)
class Tables:
    """Rows by table, each under its partition and key: partitions have their own rows; and tallies by table."""

    rows: dict[str, dict[tuple[int, str], Any]] = field(default_factory=lambda: {name: {} for name in HELD})
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in TALLIED})

    def pairs(self, table: str) -> list[tuple[str, Any]]:
        """Key and value of every row; a key that two partitions have is there twice."""
        return [(key, value) for (_, key), value in self.rows[table].items()]

    def take(self, table: str, partition: int, key: str, value: Any) -> None:
        """One record of a changelog; None deletes."""
        if table in self.tallies:
            self.tallies[table].add(*((key,) if table == "charges" else (key, value)))
        elif value is None:
            self.rows[table].pop((partition, key), None)
        else:
            self.rows[table][partition, key] = value

"""What an audit found: per invariant how much was checked, how often it was violated, and the first examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

EXAMPLES = 20

NAMES = {
    1: "Every transaction balances, and all entries sum to zero",
    2: "A balance is the sum of its entries; no sequence has a gap, no chain is broken",
    3: "One fee for each assignment, one reward for each completion, at the task's own price",
    4: "At most one payout per account and day: what was booked through it and not paid before",
    5: "What was read took effect, was known already, or has a dead letter",
    6: "auth's outbox and its topics hold the same events, none waits for more than a minute",
    7: "The log, the agents' tables, the read models and HTTP agree",
    8: "Management's earnings are fees less rewards, on each day",
    9: "No transaction hangs",
}
"""The numbers are those of docs/audit.md."""


@dataclass(slots=True)
class Invariant:
    """`checked` counts comparisons, `violated` those that failed, `violations` tells the first of them."""

    number: int
    name: str
    checked: int = 0
    violated: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.violated == 0

    def violate(self, sentence: str) -> None:
        """Remember that it does not hold, and where."""
        self.violated += 1
        if len(self.violations) < EXAMPLES:
            self.violations.append(sentence)


@dataclass(slots=True)
class Report:
    """`records` read and, of those, `unreadable` ones, which are somebody's dead letters; `compared` says with what.

    incomplete: what stopped answering before all of it was compared; empty when nothing did
    """

    invariants: dict[int, Invariant] = field(
        default_factory=lambda: {number: Invariant(number, name) for number, name in NAMES.items()}
    )
    records: int = 0
    unreadable: int = 0
    seconds: float = 0.0
    compared: list[str] = field(default_factory=list)
    incomplete: str = ""
    reading: list[dict[str, Any]] = field(default_factory=list)

    def __getitem__(self, number: int) -> Invariant:
        return self.invariants[number]

    def __iter__(self) -> Iterator[Invariant]:
        return iter(self.invariants.values())

    @property
    def ok(self) -> bool:
        return not self.incomplete and all(invariant.ok for invariant in self.invariants.values())

    def as_json(self) -> dict[str, Any]:
        """The answer of `ates audit --json`."""
        return {
            "ok": self.ok,
            "incomplete": self.incomplete,
            "records": self.records,
            "unreadable": self.unreadable,
            "seconds": round(self.seconds, 1),
            "compared": self.compared,
            "reading": self.reading,
            "invariants": [
                {
                    "number": invariant.number,
                    "name": invariant.name,
                    "ok": invariant.ok,
                    "checked": invariant.checked,
                    "violated": invariant.violated,
                    "violations": invariant.violations,
                }
                for invariant in self.invariants.values()
            ],
        }

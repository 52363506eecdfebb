"""Sets compared without holding them: the sum of fingerprints of what is in each.

A fingerprint is Python's own hash: keyed by a secret of this process, so nobody can choose two things that share one.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """A multiset that only remembers how many there are and the sum of their fingerprints."""

    count: int = 0
    sum: int = 0

    def add(self, fingerprint: int) -> None:
        self.count += 1
        self.sum += fingerprint


@dataclass(slots=True)
class Growing:
    """What must be in a table that only grows, and what may be: it was on its way when the audit looked."""

    due: Tally = field(default_factory=Tally)
    young: set[int] = field(default_factory=set)
    found: Tally = field(default_factory=Tally)

    def expect(self, fingerprint: int, due: bool) -> None:
        if due:
            self.due.add(fingerprint)
        else:
            self.young.add(fingerprint)

    def row(self, fingerprint: int) -> None:
        """One that the table holds. Give all expectations first."""
        if fingerprint not in self.young:
            self.found.add(fingerprint)

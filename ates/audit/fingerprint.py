"""Sets compared without holding them: the sum of fingerprints of what is in each."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(slots=True)
class Tally:
    """A multiset that only remembers how many there are and the sum of their fingerprints."""

    count: int = 0
    sum: int = 0

    def add(self, *values: object) -> None:
        self.count += 1
        self.sum += fingerprint(*values)


def fingerprint(*values: object) -> int:
    """A number of 128 bits for `values`; equal for equal ones. Sums of it compare sets without holding them."""
    return int.from_bytes(blake2b("\0".join(map(str, values)).encode(), digest_size=16).digest())


ENTRY_FIELDS = (
    "transaction_id", "account_id", "sequence", "kind", "amount_cents", "balance_cents", "task_id", "business_day",
    "occurred_at", "applied_at",
)  # fmt: skip
"""What a transaction in the log and a row of the read model both hold, in the order of their fingerprint."""

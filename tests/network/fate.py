"""What becomes of a frame, drawn from a seed: the same seed draws the same again, whatever comes between."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from .frames import WRITING, Request


class What(Enum):
    """Of a request, or of its answer."""

    PASS = "passes"
    SLOW = "is delayed; other connections overtake"
    LOST = "never arrives, and the connection breaks"
    LATE = "arrives after `later` other requests, its connection long broken"
    UNANSWERED = "arrives, the connection breaks before the answer"
    SWALLOWED = "never arrives, and the connection stays silent"


@dataclass(frozen=True, slots=True)
class Fate:
    """`seconds` of a delay, `later` requests of others before a late one arrives."""

    what: What
    seconds: float = 0.0
    later: int = 0


PASSES = Fate(What.PASS)

Plan = Mapping[tuple[str, int], Fate]
"""(kind, how many of its kind came before) → fate."""

OUTAGE = 0.03
MANY = 1000

_WEIGHTS = {What.SLOW: 2, What.LOST: 2, What.LATE: 4, What.UNANSWERED: 3, What.SWALLOWED: 1}
_OTHERS = ("Metadata", "FindCoordinator", "ApiVersions")


def draw(seed: int) -> Plan:
    """The faults of one transaction: one to three, mostly on requests that write; now and then a kind of request that
    never comes through, for longer than anybody waits."""
    chance = random.Random(seed)
    plan: dict[tuple[str, int], Fate] = {}
    for _ in range(chance.choice((1, 1, 2, 3))):
        kinds: Sequence[str] = WRITING if chance.random() < 0.9 else _OTHERS
        what = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        place = chance.choice(kinds), chance.choice((0, 0, 1, 2))
        plan[place] = Fate(what, chance.uniform(0.005, 0.3), chance.randint(1, 8))
    if chance.random() < OUTAGE:
        kind, what = chance.choice(WRITING), chance.choice((What.LOST, What.UNANSWERED, What.SWALLOWED))
        plan |= {(kind, number): Fate(what) for number in range(MANY)}
    return plan


@dataclass
class Fates:
    """Hands out fates by `plan`, and counts the requests of each kind since it was set."""

    plan: Plan = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def set(self, plan: Plan) -> None:
        """Begin to count anew, by another plan."""
        self.plan, self.seen = plan, Counter()

    def of(self, request: Request) -> Fate:
        """The fate of the next request of its kind."""
        number = self.seen[request.kind]
        self.seen[request.kind] += 1
        return self.plan.get((request.kind, number), PASSES)

"""Prices of tasks. Randomness comes in as an argument, and never from ids that clients choose."""

from collections.abc import Callable

from ates.domain.accounting.ledger import FEE
from ates.domain.accounting.state import Price
from ates.domain.errors import Unprocessable

FEE_DOLLARS = range(10, 21)
REWARD_DOLLARS = range(20, 41)


def draw_price(draw: Callable[[int], int]) -> Price:
    """A fee and a reward in whole dollars, each uniform over its range, both ends included.

    `draw(n)` gives each of 0 … n − 1 with the same probability.
    """
    return Price(
        fee_cents=100 * FEE_DOLLARS[draw(len(FEE_DOLLARS))],
        reward_cents=100 * REWARD_DOLLARS[draw(len(REWARD_DOLLARS))],
    )


def check_amount(kind: str, amount_cents: int) -> None:
    """No task costs or earns anything but a price that `draw_price` can draw, whoever asks for it.

    Raises `Unprocessable` (`bad_amount`); `kind` is `ledger.FEE` or `ledger.REWARD`.
    """
    dollars = FEE_DOLLARS if kind == FEE else REWARD_DOLLARS
    if amount_cents % 100 or amount_cents // 100 not in dollars:
        raise Unprocessable(
            "bad_amount", f"a {kind} is a whole number of dollars, from ${dollars[0]} to ${dollars[-1]}"
        )


def effect_key(task_id: str, kind: str, assignment: int = 0) -> str:
    """The name of the one effect that an event has on money, however often the event comes: `task:fee:2`.

    assignment: which of the task's assignments a fee is for; 0 for the reward, of which there is one
    """
    return f"{task_id}:{kind}:{assignment}"

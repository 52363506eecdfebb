"""What tasks cost and earn."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.domain.accounting.pricing import check_amount, draw_price, effect_key
from ates.domain.errors import Unprocessable


def test_the_lowest_and_the_highest_price_can_be_drawn():
    lowest = draw_price(lambda n: 0)
    highest = draw_price(lambda n: n - 1)

    assert (lowest.fee_cents, lowest.reward_cents) == (1000, 2000)
    assert (highest.fee_cents, highest.reward_cents) == (2000, 4000)


@pytest.mark.parametrize(("field", "prices", "limit"), [("fee_cents", 11, 29.59), ("reward_cents", 21, 45.31)])
def test_every_whole_dollar_has_the_same_chance(field, prices, limit):
    """Chi-square over 21,000 seeded draws; `limit` is exceeded by chance once in a thousand times."""
    draw = random.Random(2025).randrange
    drawn = Counter(getattr(draw_price(draw), field) for _ in range(21_000))
    expected = 21_000 / prices

    assert len(drawn) == prices
    assert all(cents % 100 == 0 for cents in drawn)
    assert sum((count - expected) ** 2 / expected for count in drawn.values()) < limit


def test_every_fee_and_the_reward_of_a_task_are_effects_of_their_own():
    assert len({effect_key("t", "fee", 1), effect_key("t", "fee", 2), effect_key("t", "reward")}) == 3
    assert effect_key("t", "fee", 2) == "t:fee:2"


@given(st.integers(-(10**12), 10**12) | st.integers(0, 5000))
def test_only_a_price_that_can_be_drawn_is_charged_or_paid(cents):
    """One record must not pay a million dollars, whoever wrote it."""
    for kind, field, prices in (("fee", "fee_cents", 11), ("reward", "reward_cents", 21)):
        drawn = {getattr(draw_price(lambda n, nth=nth: nth % n), field) for nth in range(prices)}
        try:
            check_amount(kind, cents)
        except Unprocessable as refusal:
            assert refusal.code == "bad_amount"
            assert cents not in drawn
        else:
            assert cents in drawn

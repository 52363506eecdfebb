"""How money is shown."""

import pytest

from ates.domain.money import format_cents, format_change


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "$0.00"),
        (5, "$0.05"),
        (1200, "$12.00"),
        (-300, "−$3.00"),
        (-5, "−$0.05"),
        (123456789, "$1,234,567.89"),
    ],
)
def test_cents_are_shown_as_dollars_with_two_places(cents, text):
    assert format_cents(cents) == text


@pytest.mark.parametrize(("cents", "text"), [(2000, "+$20.00"), (-1200, "−$12.00"), (0, "$0.00")])
def test_a_change_always_shows_its_sign(cents, text):
    assert format_change(cents) == text

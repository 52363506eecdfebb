"""Money is an integer of cents, and its name says so: `amount_cents`. This module only shows it to people.

Nothing here parses: amounts are drawn and added by the domain, never typed.
"""

MINUS = "\u2212"  # as wide as a plus or a digit, so that columns of amounts line up


def format_cents(cents: int) -> str:
    """`1200` → `$12.00`, `-300` → `−$3.00`, `123456` → `$1,234.56`."""
    dollars, rest = divmod(abs(cents), 100)
    return f"{MINUS if cents < 0 else ''}${dollars:,}.{rest:02}"


def format_change(cents: int) -> str:
    """The same with the sign always shown, as in an audit log: `+$20.00`, `−$12.00`, `$0.00`."""
    return f"+{format_cents(cents)}" if cents > 0 else format_cents(cents)

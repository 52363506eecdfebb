"""Payments become balances; a payment that an account cannot bear is refused.

`python examples/account_balances.py worker`
"""

from dataclasses import dataclass

from ates.streams import App


@dataclass(frozen=True)
class Payment:
    account: str
    cents: int


@dataclass(frozen=True)
class Balance:
    cents: int
    payments: int


app = App("bank", broker="kafka://127.0.0.1:9092")
payments = app.topic("payments", value_type=Payment)
balances = app.topic("balances", key_type=str, value_type=Balance, compacting=True)
accounts = app.Table(
    "accounts", value_type=Balance, key_type=str, help="what an account has, and how often it was moved"
)


class Overdrawn(Exception):
    """The record gets a dead letter with this code."""

    code = "overdrawn"


@app.agent(payments)
async def book(stream):
    async for payment in stream.group_by("account", key_type=str):
        before = accounts.get(payment.account, Balance(0, 0))
        after = Balance(before.cents + payment.cents, before.payments + 1)
        if after.cents < 0:
            raise Overdrawn(f"{payment.account} has {before.cents} cents")
        accounts[payment.account] = after
        await balances.send(key=payment.account, value=after)


if __name__ == "__main__":
    app.main()

"""Our runtime: `ates.streams`, with the product's codec; where that is not built, or switched off, with fastavro."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ates.schemas.plans import plan_of
from ates.streams import App, Effect, Message, NotLoaded, Outgoing, Put, Send, State, TableSpec
from bench import work
from bench.peers.balance import Balance

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True)
class Booked:
    """An input."""

    booking_id: str
    account_id: str
    amount_cents: int
    reason: str
    booked_at: int


@dataclass(slots=True)
class Result:
    """An output."""

    booking_id: str
    account_id: str
    amount_cents: int
    balance_cents: int
    booked_at: int


def reader() -> Callable[[bytes], Any]:
    """Bytes → `Booked`."""
    plan = plan_of(work.schema("booked"), Booked)
    return (lambda value: plan.decode(value, 0)) if plan else (lambda value: Booked(**work.decode(value)))


def writer() -> Callable[[Result], bytes | None]:
    """`Result` → bytes."""
    plan = plan_of(work.schema("balance"), Result)
    if plan:
        return lambda record: plan.encode(b"", record)
    return lambda it: work.result(
        {"booking_id": it.booking_id, "account_id": it.account_id, "amount_cents": it.amount_cents,
         "booked_at": it.booked_at}, it.balance_cents,
    )  # fmt: skip


class Serde:
    """Avro without headers."""

    def __init__(self) -> None:
        self._read, self._write = reader(), writer()

    def decode(self, record: Any) -> Message:
        value = self._read(record.value)
        return Message(record.topic, record.partition, record.offset, record.key, value, "", EPOCH, {})

    async def load(self, missing: NotLoaded) -> None:
        """Nothing is ever missing."""

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        return Outgoing(send.topic, send.partition, cause.key, self._write(send.record))


def handle(state: State, message: Message) -> Iterator[Effect]:
    """Book one event."""
    booked: Booked = message.value
    account = booked.account_id
    row = state.table("balances").get(account)
    balance = (row.cents if row else 0) + booked.amount_cents
    yield Put("balances", account, Balance(balance))
    result = Result(booked.booking_id, account, booked.amount_cents, balance, booked.booked_at)
    yield Send(work.OUTPUT, account, result, message.partition)


app = App(
    work.GROUP,
    broker=work.BROKER,
    serde=Serde(),
    partitions=work.PARTITIONS,
    datadir=work.STATE,
)
app.handler(
    work.INPUT, handle, name="book", tables=[TableSpec("balances", Balance, "account → cents")], dead_letters=work.INPUT
)

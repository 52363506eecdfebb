"""Our runtime: `ates.streams`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ates.streams import Effect, Message, Put, Send, State, TableSpec
from ates.streams.app import App
from ates.streams.batch import NotLoaded, Outgoing
from bench import work
from bench.peers.balance import Balance

EPOCH = datetime.fromtimestamp(0, UTC)


class Serde:
    """Avro by fastavro, no headers."""

    def decode(self, record: Any) -> Message:
        value = work.decode(record.value)
        return Message(record.topic, record.partition, record.offset, record.key, value, "", EPOCH, {})

    async def load(self, missing: NotLoaded) -> None:
        """Nothing is ever missing."""

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        return Outgoing(send.topic, send.partition, cause.key, work.result(cause.value, send.record))


def handle(state: State, message: Message) -> Iterator[Effect]:
    """Book one event."""
    account = message.value["account_id"]
    row = state.table("balances").get(account)
    balance = (row.cents if row else 0) + message.value["amount_cents"]
    yield Put("balances", account, Balance(balance))
    yield Send(work.OUTPUT, account, balance, message.partition)


app = App(
    work.GROUP,
    client_options={"bootstrap_servers": [work.BROKER]},
    producer_options={"bootstrap.servers": work.BROKER},
    serde=Serde(),
    partitions=work.PARTITIONS,
    datadir=work.STATE,
)
app.handler(
    work.INPUT, handle, name="book", tables=[TableSpec("balances", Balance, "account → cents")], dead_letters=work.INPUT
)

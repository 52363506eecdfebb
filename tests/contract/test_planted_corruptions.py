"""Nine corruptions, one for each invariant, planted in a running stack: `ates audit` names each.

The stack is this module's own, since what is appended to a log stays there.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from ates.domain.accounting.ledger import chain_hash
from ates.domain.accounting.messages import TransactionApplied
from ates.platform.kafka import librdkafka_options
from ates.platform.log_reader import TopicLog
from ates.platform.registry import Registry
from ates.platform.settings import Settings, load
from ates.schemas.codec import Codec

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]


class Vandal:
    """Who can write anywhere, past everybody's rules."""

    def __init__(self, stack: Any) -> None:
        self.stack = stack
        self.settings: Settings = load(environ=stack.environ)
        self.producer = Producer(librdkafka_options(self.settings))
        self.hanging = Producer(
            {
                **librdkafka_options(self.settings),
                "transactional.id": "vandal",
                "transaction.timeout.ms": 600_000,
            }
        )
        self.last: dict[str, tuple[TransactionApplied, int]] = {}
        self.paid: dict[str, TransactionApplied] = {}
        self.found: dict[int, list[str]] = {}

    async def look(self) -> None:
        """The last entry of every account, with its partition, and the last payout of those that have one."""
        async with Registry(self.settings) as registry:
            self.codec = Codec(registry)
            await self.codec.start()
        log = TopicLog(self.settings)
        for batch in log.read(log.ends(["accounting.transactions"])):
            for message in batch:
                entry = self.codec.decode(message.topic(), message.value())
                self.last[entry.account_id] = (entry, message.partition())
                if entry.kind == "payout":
                    self.paid[entry.account_id] = entry

    def book(self, account_id: str = "", **fields: Any) -> None:
        """One more entry on an account that nobody has touched, well chained unless told otherwise."""
        account_id = account_id or next(iter(self.last))
        before, partition = self.last.pop(account_id)
        fields = {"kind": "correction", "task_id": None, "amount_cents": -1500, **fields}
        entry = replace(
            before,
            transaction_id=str(uuid.uuid4()),
            sequence=before.sequence + 1,
            balance_cents=before.balance_cents + fields["amount_cents"],
            **{name: value for name, value in fields.items() if name != "chain_hash"},
        )
        entry = replace(entry, chain_hash=fields.get("chain_hash") or chain_hash(entry, before.chain_hash))
        self.send("accounting.transactions", partition, account_id, self.codec.encode("accounting.transactions", entry))

    def send(self, topic: str, partition: int, key: str, value: bytes) -> None:
        headers = {
            "ce_specversion": "1.0", "ce_id": str(uuid.uuid4()), "ce_type": "ates.accounting.TransactionApplied",
            "ce_source": "/vandal", "ce_time": "2026-01-01T00:00:00Z", "ce_subject": key,
        }  # fmt: skip
        self.producer.produce(topic, value, key, partition, headers=headers)
        assert self.producer.flush(10) == 0

    async def sql(self, statement: str) -> None:
        connection = await asyncpg.connect(self.settings.postgres)
        await connection.execute(statement)
        await connection.close()

    async def pay_twice(self) -> None:
        paid = next(self.paid[key] for key in self.last if key in self.paid)
        self.book(
            account_id=paid.account_id, kind="payout", amount_cents=paid.amount_cents, business_day=paid.business_day
        )

    async def lose_a_dead_letter(self) -> None:
        """An undecodable record whose dead letter then goes missing."""
        self.send("accounting.mails", 0, "key", b"poison")
        log, letters = TopicLog(self.settings), "accounting.mails.dlq"
        while not (end := log.ends([letters])[letters, 0]):
            pass
        admin = AdminClient(librdkafka_options(self.settings))
        for future in admin.delete_records([TopicPartition(letters, 0, end)]).values():
            future.result()

    async def hang(self) -> None:
        self.hanging.init_transactions(20)
        self.hanging.begin_transaction()
        self.hanging.produce("auth.sessions", b"never committed", b"key", 1)
        self.hanging.flush(10)

    async def book_between_popugs(self) -> None:
        self.book(counter_account_id=str(uuid.uuid4()))

    async def forge_the_chain(self) -> None:
        self.book(chain_hash="f" * 64)

    async def charge_without_cause(self) -> None:
        task_id = next(entry.task_id for entry, _ in self.last.values() if entry.task_id)
        self.book(kind="fee", task_id=task_id)

    async def mark_what_was_never_published(self) -> None:
        await self.sql(
            "INSERT INTO auth.outbox (id, aggregatetype, aggregateid, type, payload, timestamp, published_at)"
            " VALUES (gen_random_uuid(), 'accounts', 'x', 'AccountChanged', '{}', now(), now())"
        )

    async def change_a_balance(self) -> None:
        await self.sql(
            "UPDATE views.balances SET balance_cents = balance_cents + 1"
            " WHERE account_id = (SELECT min(account_id) FROM views.balances)"
        )

    async def change_a_figure(self) -> None:
        await self.sql(
            "UPDATE views.day_figures SET rewards_cents = rewards_cents - 1"
            " WHERE (day, partition) = (SELECT day, partition FROM views.day_figures ORDER BY day, partition LIMIT 1)"
        )


Plant = Callable[[Vandal], Awaitable[None]]
PLANTED: dict[int, tuple[Plant, str]] = {
    1: (Vandal.book_between_popugs, " is between "),
    2: (Vandal.forge_the_chain, "does not follow in its chain of hashes"),
    3: (Vandal.charge_without_cause, "has no cause"),
    4: (Vandal.pay_twice, "is a second payout for"),
    5: (Vandal.lose_a_dead_letter, "has no dead letter"),
    6: (Vandal.mark_what_was_never_published, "is marked as published, and the topic has it not"),
    7: (Vandal.change_a_balance, "views.balances:"),
    8: (Vandal.change_a_figure, "analytics counts"),
    9: (Vandal.hang, "auth.sessions[1]: a transaction hangs"),
}


def audit(stack: Any) -> dict[int, list[str]]:
    """What it finds, by invariant."""
    done = stack.ates("audit", "--json", check=False)
    said = json.loads(done.stdout)
    assert done.returncode == (0 if said["ok"] else 1)
    return {invariant["number"]: invariant["violations"] for invariant in said["invariants"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vandal(spoilt_stack: Any) -> Any:
    it = Vandal(spoilt_stack)
    await it.look()
    assert not any(audit(spoilt_stack).values()), "sound before anything is planted"
    yield it
    it.hanging.abort_transaction(10)


@pytest.mark.parametrize("number", PLANTED)
async def test_the_audit_names_what_was_planted(vandal: Vandal, number: int) -> None:
    plant, sentence = PLANTED[number]
    assert not any(sentence in violation for violation in vandal.found.get(number, []))
    await plant(vandal)
    vandal.found = audit(vandal.stack)
    assert any(sentence in violation for violation in vandal.found[number]), vandal.found[number]

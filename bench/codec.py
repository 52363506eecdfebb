"""`python -m bench.codec`: CPU per record of the codec and of the headers, compiled and on fastavro, in one run.

The record is the ledger's, `TransactionApplied` with twelve fields; records and headers differ as those of a batch do.
Rounds take turns, so that a busy machine is busy for both; the smallest round counts. In µs of CPU of one thread.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

from ates.domain.accounting.messages import TransactionApplied
from ates.schemas import envelope, plans
from ates.schemas.avro import Schema
from ates.schemas.codec import Codec, type_of
from ates.streams import Send
from ates.topology import ACCOUNTING_TRANSACTIONS
from ates.workers.serde import Serde

TOPIC = ACCOUNTING_TRANSACTIONS.name
HEADERS = plans.headers()
RECORDS = 2000
ROUNDS = 15


class Numbered:
    """A registry that knows every schema of ours and nothing else."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    async def id_of(self, subject: str, schema: Schema) -> int:
        return self._ids.setdefault(subject, len(self._ids) + 1)

    async def schema(self, schema_id: int) -> None: ...

    async def subjects(self, schema_id: int) -> frozenset[str]:
        return frozenset()

    async def close(self) -> None: ...


def transaction(number: int) -> TransactionApplied:
    """One of a day's fees."""
    at = datetime(2026, 11, 30, 12, tzinfo=UTC) + timedelta(seconds=number // 100)
    return TransactionApplied(
        transaction_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"t{number}")),
        account_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"a{number % 50}")),
        counter_account_id="00000000-0000-4000-8000-000000000001",
        kind="fee",
        amount_cents=-1000 - number % 1000,
        balance_cents=123_456 - number,
        task_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"k{number}")),
        business_day=date(2026, 11, 30),
        applied_at=at,
        occurred_at=at,
        sequence=number,
        chain_hash=f"{number:064x}",
    )


async def codec(name: str) -> Codec:
    """The codec `name`: compiled or fastavro."""
    os.environ[plans.SWITCH] = name
    made = Codec(Numbered())
    await made.start()
    return made


def smallest(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """µs of CPU per record of each, in rounds that take turns."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, work in works.items():
            began = time.thread_time()
            work()
            best[name] = min(best[name], (time.thread_time() - began) / RECORDS * 1e6)
    return best


def raw(value: bytes, number: int) -> Any:
    """As a consumer gives it."""
    headers = envelope.build(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"h{number}")),
        type="ates.accounting.TransactionApplied",
        source="/ates/accounting",
        time=datetime(2026, 11, 30, 12, tzinfo=UTC) + timedelta(seconds=number // 100),
        subject=f"a{number % 50}",
        causation_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"c{number}")),
        traceparent=f"00-{number // 100 + 1:032x}-{number // 100 + 1:016x}-01",
    )
    return SimpleNamespace(topic=TOPIC, partition=0, offset=number, key=b"a", value=value, headers=tuple(headers))


def measure(compiled: Codec, fastavro: Codec) -> dict[str, float]:
    records = [transaction(number) for number in range(RECORDS)]
    values = [compiled.encode(TOPIC, record) for record in records]
    consumed = [raw(value, number) for number, value in enumerate(values)]
    works: dict[str, Callable[[], object]] = {}
    for name, each in (("compiled", compiled), ("fastavro", fastavro)):
        headers = HEADERS if name == "compiled" else None
        serde = Serde(each, "accounting")
        messages = [serde.decode(record) for record in consumed]
        sends = [Send(TOPIC, "a", record) for record in records]
        pairs = list(zip(messages, sends, strict=True))
        works[f"decode, {name}"] = lambda c=each: [c.decode(TOPIC, value) for value in values]  # type: ignore[misc]
        works[f"encode, {name}"] = lambda c=each: [c.encode(TOPIC, record) for record in records]  # type: ignore[misc]
        works[f"read whole, {name}"] = _with(headers, lambda s=serde: [s.decode(record) for record in consumed])  # type: ignore[misc]
        works[f"write whole, {name}"] = _with(headers, lambda s=serde, p=pairs: [s.encode(m, 0, x) for m, x in p])  # type: ignore[misc]
    assert type_of(records[0])
    return smallest(works)


def _with(headers: ModuleType | None, work: Callable[[], object]) -> Callable[[], object]:
    """`work` with the compiled `headers`, or with Python's."""

    def run() -> object:
        envelope._compiled = headers
        return work()

    return run


def main() -> None:
    """Print the table."""
    if not plans.BUILT:
        raise SystemExit("the compiled codec is not built: run make")
    found = measure(*(asyncio.run(codec(name)) for name in ("compiled", "fastavro")))
    for work in ("decode", "encode", "read whole", "write whole"):
        ours, theirs = found[f"{work}, compiled"], found[f"{work}, fastavro"]
        print(f"{work:12} fastavro {theirs:6.2f} µs   compiled {ours:6.2f} µs   ratio {ours / theirs:.3f}")
    both = [sum(found[f"{work}, {name}"] for work in ("decode", "encode")) for name in ("compiled", "fastavro")]
    print(f"decode + encode: {both[0] / both[1]:.3f} of fastavro's CPU")
    for name in ("compiled", "fastavro"):
        rest = [
            found[f"{a} whole, {name}"] - found[f"{b}, {name}"] for a, b in (("read", "decode"), ("write", "encode"))
        ]
        print(f"headers and message, {name}: {rest[0]:.2f} µs in, {rest[1]:.2f} µs out")


if __name__ == "__main__":
    main()

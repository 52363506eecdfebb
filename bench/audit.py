"""`python -m bench.audit --transactions 1000000`: how long `ates audit` takes, and how much memory.

Writes a year of a company straight into the servers of `ates up --base --data DIR`: events, commands of the last month,
transactions, the tables' changelogs, and the read models; then runs the audit as a process of its own and measures it.
The records are the product's own (its codec, its ledger), one per Kafka record, uncompacted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from ates import topology
from ates.domain.accounting import ledger
from ates.domain.accounting.messages import ChargeFee, PayReward, TransactionApplied
from ates.domain.accounting.state import AccountBalance, Price
from ates.domain.tasks.messages import TaskAssigned, TaskCompleted, TaskCreated
from ates.domain.tasks.state import Task
from ates.platform.kafka import librdkafka_options, partition_of
from ates.platform.log_reader import TopicLog
from ates.platform.registry import Registry
from ates.platform.settings import Settings, load
from ates.schemas.codec import Codec
from ates.tools.audit.cutoffs import GROUPS, LIVE
from ates.tools.audit.run import CHANGELOGS

BEGIN = datetime(2025, 1, 1, 9, tzinfo=UTC)
DAYS = 365
COMMAND_DAYS = 30
POPUGS = 1000
OWN_ROLES = {"AUDIT": "audit", "VIEWS": "worker.views"}


class Company:
    """Writes as it lives. Reassigned once on average, every task completed but each tenth."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._producer = Producer(
            {**librdkafka_options(settings), "linger.ms": 50, "batch.num.messages": 50_000,
             "queue.buffering.max.messages": 500_000, "compression.type": "lz4"}
        )  # fmt: skip
        self._codec = codec
        self._partitions = settings.partitions
        self._random = random.Random(1)
        self.popugs = [self._id() for _ in range(POPUGS)]
        self._homes = {popug: partition_of(popug.encode(), self._partitions) for popug in self.popugs}
        self.balances = dict.fromkeys(self.popugs, AccountBalance())
        self.days: dict[tuple[date, int], list[int]] = {}
        self.entries: list[tuple[Any, ...]] = []
        self.tasks: list[tuple[Any, ...]] = []
        self.assignments: list[tuple[Any, ...]] = []
        self.booked = 0

    def live(self, transactions: int) -> None:
        """A year, until so many transactions are booked."""
        per_day = transactions // DAYS + 1
        for number in range(DAYS):
            self._day(BEGIN + timedelta(days=number), min(per_day * (number + 1), transactions), number)
            if number % 30 == 29:
                print(f"{self.booked:,} transactions written", file=sys.stderr, flush=True)
        assert self._producer.flush(60) == 0

    def _day(self, morning: datetime, until: int, number: int) -> None:
        recent = number >= DAYS - COMMAND_DAYS
        minute = 0
        while self.booked < until:
            minute += 1
            self._task(morning + timedelta(milliseconds=minute), recent)
        evening = morning + timedelta(hours=15)
        for popug in self.popugs:
            before, day = self.balances[popug], morning.date()
            _, payout = ledger.close(popug, before, day, closed_at=evening, applied_at=evening)
            settled = self.balances[popug] = ledger.settle(before, day)
            if payout is not None:
                self._book(payout)
            elif settled != before:
                self._changed("accounting-accounts-changelog", self._homes[popug], popug, settled)

    def _task(self, at: datetime, recent: bool) -> None:
        task_id = self._id()
        home = partition_of(task_id.encode(), self._partitions)
        price = Price(self._random.randrange(10, 21) * 100, self._random.randrange(20, 41) * 100)
        self._changed("accounting-prices-changelog", home, task_id, price)
        created = TaskCreated(
            task_id=task_id, version=1, author_id=self.popugs[0], title="Fix the beak", description="", jira_id=None
        )
        self._send(topology.TASKS_EVENTS.name, home, task_id, created)
        dealt = 1 + (self._random.random() < 0.5) + (self._random.random() < 0.5)
        who = ""
        for assignment in range(1, dealt + 1):
            who = self.popugs[self._random.randrange(POPUGS)]
            event = TaskAssigned(task_id=task_id, version=assignment + 1, assignee_id=who, assignment=assignment)
            self._send(topology.TASKS_EVENTS.name, home, task_id, event)
            self._row(home, task_id, "open", who, assignment, assignment + 1)
            self.assignments.append((task_id, assignment, who, at))
            fee = ChargeFee(
                account_id=who, task_id=task_id, assignment=assignment, amount_cents=price.fee_cents, occurred_at=at
            )
            self._move(f"{task_id}:fee:{assignment}", "fee", -price.fee_cents, fee, home, recent)
        done = self._random.random() < 0.9
        if done:
            version = dealt + 2
            completed = TaskCompleted(task_id=task_id, version=version, assignee_id=who, completed_at=at)
            self._send(topology.TASKS_EVENTS.name, home, task_id, completed)
            self._row(home, task_id, "done", who, dealt, version)
            reward = PayReward(account_id=who, task_id=task_id, amount_cents=price.reward_cents, occurred_at=at)
            self._move(f"{task_id}:reward:0", "reward", price.reward_cents, reward, home, recent)
        else:
            self._changed("tasks-open_tasks-changelog", home, f"{len(self.tasks):012d}", task_id)
        status = "done" if done else "open"
        ended = at if done else None
        self.tasks.append((task_id, "Fix the beak", status, who, dealt, self.popugs[0], at, ended, dealt + 1 + done))

    def _row(self, home: int, task_id: str, status: str, who: str, assignment: int, version: int) -> None:
        row = Task(1, status, who, assignment, version, "", "")
        self._changed("tasks-tasks-changelog", home, task_id, row)

    def _move(self, effect: str, kind: str, cents: int, command: Any, home: int, recent: bool) -> None:
        self._changed("accounting-charges-changelog", home, effect, abs(cents))
        if recent:
            self._send(topology.ACCOUNTING_COMMANDS.name, self._homes[command.account_id], command.account_id, command)
        at, balance = command.occurred_at, self.balances[command.account_id]
        self._book(
            ledger.entry(
                command.account_id, balance, identity=ledger.transaction_id(effect), kind=kind, amount_cents=cents,
                task_id=command.task_id, day=at.date(), occurred_at=at, applied_at=at,
            )
        )  # fmt: skip

    def _book(self, it: TransactionApplied) -> None:
        home = self._homes[it.account_id]
        balance = self.balances[it.account_id] = ledger.evolve(self.balances[it.account_id], it)
        self._send(topology.ACCOUNTING_TRANSACTIONS.name, home, it.account_id, it)
        self._changed("accounting-accounts-changelog", home, it.account_id, balance)
        self._changed("accounting-transactions-changelog", home, it.transaction_id, it.sequence)
        sums = self.days.setdefault((it.business_day, home), [0, 0, 0, 0])
        sums[0] += 1
        sums[{"fee": 1, "reward": 2, "payout": 3}[it.kind]] += abs(it.amount_cents)
        self.entries.append(
            (it.transaction_id, it.account_id, it.sequence, it.kind, it.amount_cents, it.balance_cents, it.task_id,
             it.business_day, it.occurred_at, it.applied_at)
        )  # fmt: skip
        self.booked += 1

    def _send(self, topic: str, partition: int, key: str, record: Any) -> None:
        self._produce(topic, partition, key, self._codec.encode(topic, record))

    def _changed(self, topic: str, partition: int, key: str, value: Any) -> None:
        self._produce(topic, partition, key, msgspec.json.encode(value))

    def _produce(self, topic: str, partition: int, key: str, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, partition)
                return
            except BufferError:
                self._producer.poll(0.5)

    def _id(self) -> str:
        text = f"{self._random.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"


def prepare(data: Path) -> None:
    """Schemas, topics and changelogs in the servers of `data`."""
    stack = json.loads((data / "stack.json").read_text())
    own = {
        name: process["ATES_POSTGRES"] for name, process in stack["processes"].items() if process.get("ATES_POSTGRES")
    }
    roles = {"AUDIT": own["audit"], "VIEWS": own["worker.views"]}
    passwords = {f"ATES_DB_PASSWORD_{role}": urlsplit(dsn).password or "" for role, dsn in roles.items()}
    environ = {**os.environ, "ATES_DATA": str(data), **passwords}
    for command in (["migrate"], ["topics", "create"], ["schemas", "register"]):
        subprocess.run([sys.executable, "-m", "ates", *command], env=environ, check=True, stdout=subprocess.DEVNULL)
    settings = load("", {"ATES_DATA": str(data)})
    admin = AdminClient(librdkafka_options(settings))
    for made in admin.create_topics([NewTopic(name, settings.partitions, 1) for name in CHANGELOGS]).values():
        with suppress(KafkaException):  # they are there
            made.result()


async def tell_everybody(settings: Settings, company: Company) -> None:
    """As if every reader had read everything."""
    log, admin = TopicLog(settings), AdminClient(librdkafka_options(settings))
    for group, topics in GROUPS.items():
        ends = [TopicPartition(*where, end) for where, end in log.ends(topics).items()]
        admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, ends)])[group].result()
    connection = await asyncpg.connect(settings.postgres)
    for name, columns, rows in read_models(company, log):
        await connection.execute(f"TRUNCATE views.{name}")
        await connection.copy_records_to_table(name, schema_name="views", columns=columns, records=rows)
    await connection.execute("ANALYZE")
    await connection.close()


def read_models(company: Company, log: TopicLog) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """What the views worker would have written: table, columns, rows."""
    yield "offsets", ["topic", "partition", "next_offset"], [(*where, end) for where, end in log.ends(LIVE).items()]
    yield "tasks", [
        "task_id", "title", "status", "assignee_id", "assignment", "author_id", "created_at", "completed_at", "version",
    ], company.tasks  # fmt: skip
    yield "assignments", ["task_id", "assignment", "assignee_id", "assigned_at"], company.assignments
    yield "entries", [
        "transaction_id", "account_id", "sequence", "kind", "amount_cents", "balance_cents", "task_id", "business_day",
        "occurred_at", "applied_at",
    ], company.entries  # fmt: skip
    yield (
        "balances",
        ["account_id", "balance_cents", "sequence", "as_of"],
        [
            (popug, balance.balance_cents, balance.sequence, BEGIN)
            for popug, balance in company.balances.items()
            if balance.sequence
        ],
    )
    days: dict[date, list[int]] = {}
    for (day, _), sums in company.days.items():
        held = days.setdefault(day, [0, 0, 0, 0])
        days[day] = [a + b for a, b in zip(held, sums, strict=True)]
    money = ["fees_cents", "rewards_cents", "payouts_cents"]
    yield "earnings", ["day", *money], [(day, *sums[1:]) for day, sums in days.items()]
    yield (
        "day_figures",
        ["day", "partition", "entries", *money, "as_of"],
        [(day, home, *sums, BEGIN) for (day, home), sums in company.days.items()],
    )


async def write(data: Path, transactions: int) -> None:
    """Everything, into the servers of `data`."""
    prepare(data)
    settings = load("", {"ATES_DATA": str(data)})
    async with Registry(settings) as registry:
        codec = Codec(registry)
        await codec.start()
        company = Company(settings, codec)
        company.live(transactions)
        await tell_everybody(settings, company)


def measure(data: Path) -> dict[str, Any]:
    """One audit as a process: seconds, peak memory in MB, and what it said."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "ates", "audit", "--json"],
        env={**os.environ, "ATES_DATA": str(data)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - began
    if not done.stdout:
        sys.exit(done.stderr)
    said = json.loads(done.stdout)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    wrong = [sentence for invariant in said["invariants"] for sentence in invariant["violations"][:2]]
    return {"ok": said["ok"], "records": said["records"], "seconds": round(seconds, 1), "peak_mb": peak, "wrong": wrong}


def main() -> None:
    """Write, unless told not to; audit; print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data directory of `ates up --detach --base`")
    parser.add_argument("--transactions", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="audit only what was written before")
    given = parser.parse_args()
    if not given.again:
        asyncio.run(write(given.data.absolute(), given.transactions))
        # A child's peak begins with what its parent holds, which is a lot after writing: measure from a fresh process.
        os.execv(sys.executable, [sys.executable, "-m", "bench.audit", *sys.argv[1:], "--again"])  # noqa: S606 -- itself
    # The peak is of all children: commands before the audit are smaller.
    print(json.dumps({"transactions": given.transactions, **measure(given.data.absolute())}))


if __name__ == "__main__":
    main()

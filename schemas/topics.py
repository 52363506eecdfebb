"""The one registry of topics: what each is keyed by, which records it takes, how long it keeps them. No I/O.

Topics are created from it (`ates topics create`), subjects registered from it (`ates schemas register`), and
`docs/events.md` is checked against it. One writer per topic; one reader owns its dead letters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Literal

from aiokafka.partitioner import murmur2

from ates.schemas import accounting, accounts, analytics, outcomes, tasks
from ates.schemas.avro import Model

DEAD_LETTERS = ".dlq"
RECORD_BYTES_MAX = 1_048_588  # Kafka's own default: 1 MiB and the overhead of a batch
# A record at the limit, plus its headers and those that say where it came from, still fits.
DEAD_LETTER_BYTES_MAX = 2 * 1024 * 1024
_DEAD_LETTER_RETENTION_MIN = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic, as it is created and as it is documented.

    key: the field that its records are keyed by; records of one key stay in order
    records: the Avro records it takes, each under the subject `<name>-<Record>`
    partitions: None for `ATES_PARTITIONS`, fixed at creation
    retention: "forever", or how long a record is kept after Kafka appended it
    compacted: True when only the last record of each key has to be kept
    dead_letter_owner: the worker that writes its dead letters; other readers count and skip such records
    bytes_max: the largest batch of records that it takes, in bytes
    """

    name: str
    key: str
    records: tuple[Model, ...]
    dead_letter_owner: str
    description: str
    partitions: int | None = None
    retention: timedelta | Literal["forever"] = "forever"
    compacted: bool = False
    bytes_max: int = RECORD_BYTES_MAX

    def subjects(self) -> dict[str, Model]:
        """Subject in the schema registry -> record; none for dead letters, which hold the original bytes."""
        if self.name.endswith(DEAD_LETTERS):
            return {}
        return {f"{self.name}-{model.__name__}": model for model in self.records}

    def partition_count(self, default: int) -> int:
        """How many partitions it is created with, `default` being `ATES_PARTITIONS`."""
        return self.partitions or default

    def config(self, replication: int) -> dict[str, str]:
        """Kafka's settings of this topic. Where retention is finite, age counts from when Kafka appended the
        record: commands that seed the past carry past times and must not be deleted at once."""
        forever = self.retention == "forever"
        retention_ms = -1 if isinstance(self.retention, str) else self.retention // timedelta(milliseconds=1)
        policies = ["compact"] * self.compacted + ["delete"] * (not (self.compacted and forever))
        return {
            "cleanup.policy": ",".join(policies),
            "retention.ms": str(retention_ms),
            "retention.bytes": "-1",
            "message.timestamp.type": "CreateTime" if forever else "LogAppendTime",
            "max.message.bytes": str(self.bytes_max),
            "min.insync.replicas": str(max(1, replication - 1)),
        }

    def dead_letters(self) -> Topic:
        """Where what cannot be understood goes: same keys, same partitions, kept at least as long."""
        kept = self.retention
        return replace(
            self,
            name=self.name + DEAD_LETTERS,
            description=f"What could not be understood on {self.name}: the original bytes and why.",
            retention=kept if isinstance(kept, str) else max(kept, _DEAD_LETTER_RETENTION_MIN),
            compacted=False,
            bytes_max=DEAD_LETTER_BYTES_MAX,
        )


_DECLARED = (
    Topic(
        name="auth.accounts",
        key="account_id",
        records=(accounts.AccountCreated, accounts.AccountChanged),
        dead_letter_owner="tasks",
        description="Every account and every change of it, each record complete; never compacted, "
        "so that no stale or empty record can erase an account.",
    ),
    Topic(
        name="auth.sessions",
        key="session_id",
        records=(accounts.SessionRevoked,),
        retention=timedelta(days=1),
        compacted=True,
        dead_letter_owner="views",
        description="Sessions that ended before their access tokens did; kept longer than a token lives.",
    ),
    Topic(
        name="tasks.commands",
        key="task_id",
        records=(tasks.CreateTask, tasks.CompleteTask, tasks.AssignTasks),
        retention=timedelta(days=30),
        dead_letter_owner="tasks",
        description="What people want done with tasks; AssignTasks goes to every partition.",
    ),
    Topic(
        name="tasks.events",
        key="task_id",
        records=(tasks.TaskCreated, tasks.TaskAssigned, tasks.TaskCompleted),
        dead_letter_owner="accounting",
        description="What happened to tasks. Carries no prices.",
    ),
    Topic(
        name="tasks.outcomes",
        key="command_id",
        records=(outcomes.CommandApplied, outcomes.CommandRejected),
        retention=timedelta(days=30),
        dead_letter_owner="outcomes",
        description="What became of each command of tasks.commands.",
    ),
    Topic(
        name="accounting.commands",
        key="account_id",
        records=(accounting.ChargeFee, accounting.PayReward, accounting.CloseDay),
        retention=timedelta(days=30),
        dead_letter_owner="accounting",
        description="What is to be booked, already priced; CloseDay goes to every partition.",
    ),
    Topic(
        name="accounting.outcomes",
        key="command_id",
        records=(outcomes.CommandApplied, outcomes.CommandRejected),
        retention=timedelta(days=30),
        dead_letter_owner="outcomes",
        description="What became of each command of accounting.commands that somebody sent.",
    ),
    Topic(
        name="accounting.transactions",
        key="account_id",
        records=(accounting.TransactionApplied,),
        dead_letter_owner="views",
        description="The ledger: every movement of money, in order per account.",
    ),
    Topic(
        name="accounting.mails",
        key="account_id",
        records=(accounting.PayoutMailSent, accounting.PayoutMailFailed, accounting.RetryPayoutMail),
        dead_letter_owner="views",
        description="What became of the mails about payouts, and who wants one tried again.",
    ),
    Topic(
        name="analytics.figures",
        key="figure",
        records=(analytics.DayCounted, analytics.BalanceCounted, analytics.DearestFound),
        compacted=True,
        dead_letter_owner="views",
        description="The ledger in figures, each partition counting its own accounts; the last record of a key holds.",
    ),
)

TOPICS: dict[str, Topic] = {
    topic.name: topic for declared in _DECLARED for topic in (declared, declared.dead_letters())
}
SUBJECTS: dict[str, Model] = {
    subject: model for topic in TOPICS.values() for subject, model in topic.subjects().items()
}


@lru_cache(maxsize=16_384)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's default partitioner (murmur2) gives a key; every producer must agree."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions

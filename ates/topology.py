"""The wiring as data: every topic, worker, front end and read model of aTES. No I/O.

Topics are created from it, subjects registered, workers built, processes started, access granted; docker-compose.yml,
the pictures and `docs/events.md` are generated from it or checked against it (`ates topology`). One writer per table;
one reader owns a topic's dead letters.
"""

from __future__ import annotations

from datetime import timedelta

from ates.domain.accounting.messages import (
    ChargeFee,
    CloseDay,
    PayoutMailFailed,
    PayoutMailSent,
    PayReward,
    RetryPayoutMail,
    TransactionApplied,
)
from ates.domain.accounts.messages import AccountChanged, AccountCreated, AccountsAdministered, SessionRevoked
from ates.domain.analytics.messages import BalanceCounted, DayCounted, DearestFound
from ates.domain.commands import CommandApplied, CommandRejected
from ates.domain.lab.messages import FaultInjected
from ates.domain.tasks import messages as tasks
from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask
from ates.topology_types import DEAD_LETTERS, Agent, FrontEnd, Projection, ReadModel, Topic, Worker

_MONTH = timedelta(days=30)

AUTH_ACCOUNTS = Topic(
    name="auth.accounts",
    key="account_id",
    records=(AccountCreated, AccountChanged),
    dead_letter_owner="tasks",
    description="Every account and every change of it, each record complete; never compacted, "
    "so that no stale or empty record can erase an account.",
)
AUTH_SESSIONS = Topic(
    name="auth.sessions",
    key="session_id",
    records=(SessionRevoked,),
    retention=timedelta(days=1),
    compacted=True,
    dead_letter_owner="views",
    description="Sessions that ended before their access tokens; kept longer than a token lives.",
)
AUTH_ADMINISTRATION = Topic(
    name="auth.administration",
    key="actor_id",
    records=(AccountsAdministered,),
    dead_letter_owner="views",
    description="Acts of administrators on accounts: an audit trail.",
)
TASKS_COMMANDS = Topic(
    name="tasks.commands",
    key="task_id",
    records=(CreateTask, CompleteTask, AssignTasks),
    retention=_MONTH,
    dead_letter_owner="tasks",
    description="Commands about tasks; AssignTasks goes to every partition.",
)
TASKS_EVENTS = Topic(
    name="tasks.events",
    key="task_id",
    records=tasks.EVENTS,
    dead_letter_owner="accounting",
    description="Events of tasks, without prices.",
)
TASKS_OUTCOMES = Topic(
    name="tasks.outcomes",
    key="command_id",
    records=(CommandApplied, CommandRejected),
    retention=_MONTH,
    dead_letter_owner="outcomes",
    description="The outcome of each command of tasks.commands.",
)
ACCOUNTING_COMMANDS = Topic(
    name="accounting.commands",
    key="account_id",
    records=(ChargeFee, PayReward, CloseDay),
    retention=_MONTH,
    dead_letter_owner="accounting",
    description="Fees and rewards to be booked, already priced; CloseDay goes to every partition.",
)
ACCOUNTING_OUTCOMES = Topic(
    name="accounting.outcomes",
    key="command_id",
    records=(CommandApplied, CommandRejected),
    retention=_MONTH,
    dead_letter_owner="outcomes",
    description="The outcome of each command of accounting.commands that a person or the clock sent.",
)
ACCOUNTING_TRANSACTIONS = Topic(
    name="accounting.transactions",
    key="account_id",
    records=(TransactionApplied,),
    dead_letter_owner="views",
    description="The ledger: every movement of money, in order per account.",
)
ACCOUNTING_MAILS = Topic(
    name="accounting.mails",
    key="account_id",
    records=(PayoutMailSent, PayoutMailFailed, RetryPayoutMail),
    dead_letter_owner="views",
    description="Payout mails that were sent or failed, and requests to try one again.",
)
ANALYTICS_FIGURES = Topic(
    name="analytics.figures",
    key="figure",
    records=(DayCounted, BalanceCounted, DearestFound),
    compacted=True,
    dead_letter_owner="views",
    description="The ledger in figures, each partition counting its own accounts; the last record of a key counts.",
)
LAB_EVENTS = Topic(
    name="lab.events",
    key="experiment_id",
    records=(FaultInjected,),
    dead_letter_owner="views",
    description="Faults that somebody made on purpose in a demo, each with its outcome; empty elsewhere.",
)

ORIGINS = (
    *(AUTH_ACCOUNTS, AUTH_SESSIONS, AUTH_ADMINISTRATION, TASKS_COMMANDS, TASKS_EVENTS, TASKS_OUTCOMES),
    *(ACCOUNTING_COMMANDS, ACCOUNTING_OUTCOMES, ACCOUNTING_TRANSACTIONS, ACCOUNTING_MAILS, ANALYTICS_FIGURES),
    LAB_EVENTS,
)
"""Every topic but those of dead letters."""

TOPICS: dict[str, Topic] = {topic.name: topic for origin in ORIGINS for topic in (origin, origin.dead_letters())}

_WORKERS = (
    Worker(
        name="tasks",
        description="assigns and completes tasks; assigns the tasks of leavers again",
        global_tables=(AUTH_ACCOUNTS,),
        agents=(
            Agent(
                name="tasks",
                description="decides commands about tasks",
                source=TASKS_COMMANDS,
                handler="tasks:handle",
                tables="tasks",
                timer="agents.shuffle:deal",
                sends=(TASKS_EVENTS.of(), TASKS_OUTCOMES.of()),
            ),
            Agent(
                name="leavers",
                description="requests a new assignment for the open tasks of leavers",
                source=AUTH_ACCOUNTS,
                handler="leavers:handle",
                sends=(TASKS_COMMANDS.of(AssignTasks),),
            ),
        ),
    ),
    Worker(
        name="accounting",
        description="prices tasks, keeps the ledger, and closes each business day",
        agents=(
            Agent(
                name="pricing",
                description="prices each task, requests fees and rewards",
                source=TASKS_EVENTS,
                handler="pricing:handle",
                tables="pricing",
                sends=(ACCOUNTING_COMMANDS.of(ChargeFee, PayReward),),
            ),
            Agent(
                name="ledger",
                description="books entries, and closes business days",
                source=ACCOUNTING_COMMANDS,
                handler="ledger:handle",
                tables="ledger",
                timer="agents.day_close:due",
                sends=(ACCOUNTING_TRANSACTIONS.of(), ACCOUNTING_COMMANDS.of(CloseDay), ACCOUNTING_OUTCOMES.of()),
            ),
        ),
    ),
    Worker(
        name="analytics",
        description="aggregates the ledger into figures by day, account and period",
        agents=(
            Agent(
                name="analytics",
                description="aggregates transactions into figures",
                source=ACCOUNTING_TRANSACTIONS,
                handler="analytics:handle",
                tables="analytics",
                sends=(ANALYTICS_FIGURES.of(),),
            ),
        ),
    ),
    Worker(
        name="payouts",
        description="sends the payout e-mails",
        global_tables=(AUTH_ACCOUNTS, ACCOUNTING_MAILS),
        settings=("smtp",),
        agents=(
            Agent(
                name="payouts",
                description="keeps a row for each payout whose e-mail is due, and sends it",
                source=ACCOUNTING_TRANSACTIONS,
                handler="payouts:handle",
                tables="payouts",
                timer="mail.mailer:Mailer",
                sends=(ACCOUNTING_MAILS.of(PayoutMailSent, PayoutMailFailed), ACCOUNTING_OUTCOMES.of()),
            ),
        ),
    ),
    # People wait for these rows: behind the events of a large shuffle they would come seconds late.
    Worker(
        name="outcomes",
        description="writes the outcomes of commands to Postgres",
        sinks=(TASKS_OUTCOMES, ACCOUNTING_OUTCOMES),
        database="views",
    ),
    Worker(
        name="views",
        description="writes the other read models to Postgres",
        # Of sessions, administration and the lab no view is made; they are read so that undecodable records find
        # their dead-letter topic.
        sinks=(
            *(AUTH_ACCOUNTS, AUTH_SESSIONS, AUTH_ADMINISTRATION, TASKS_EVENTS),
            *(ACCOUNTING_TRANSACTIONS, ACCOUNTING_MAILS, ANALYTICS_FIGURES, LAB_EVENTS),
        ),
        database="views",
    ),
)
WORKERS: dict[str, Worker] = {worker.name: worker for worker in _WORKERS}

LOGINS = (AUTH_ACCOUNTS, AUTH_SESSIONS)
"""Global tables of every front end: which logins were taken back."""
_WEB = (
    FrontEnd(name="auth", description="accounts, logins and their keys", global_tables=LOGINS, database="auth"),
    FrontEnd(
        name="tasks",
        description="tasks: create, assign, complete",
        global_tables=LOGINS,
        sends=(TASKS_COMMANDS.of(),),
        database="tasks",
    ),
    FrontEnd(
        name="accounting",
        description="balances, entries, earnings, payouts; closes days",
        global_tables=LOGINS,
        sends=(ACCOUNTING_COMMANDS.of(CloseDay), ACCOUNTING_MAILS.of(RetryPayoutMail)),
        database="accounting",
    ),
    FrontEnd(name="analytics", description="figures, and SQL over them", global_tables=LOGINS, database="analytics"),
    FrontEnd(
        name="topics",
        description="shows topics, tables and dead letters; the lab of a demo",
        global_tables=LOGINS,
        browses=True,
        sends=(LAB_EVENTS.of(),),
    ),
)
FRONT_ENDS: dict[str, FrontEnd] = {front_end.name: front_end for front_end in _WEB}
RELAY = FrontEnd(
    name="relay",
    is_web=False,
    description="publishes auth's outbox",
    sends=(AUTH_ACCOUNTS.of(), AUTH_SESSIONS.of(), AUTH_ADMINISTRATION.of()),
    database="auth",
)

PROCESSES: dict[str, Worker | FrontEnd] = {part.id: part for part in (*_WORKERS, *_WEB, RELAY)}
"""All that runs of ours, by the name that the supervisor, logs, metrics and compose know it by."""

PROJECTIONS = (
    Projection(name="accounts", topics=(AUTH_ACCOUNTS,)),
    Projection(name="tasks", topics=(TASKS_EVENTS,)),
    Projection(name="assignments", topics=(TASKS_EVENTS,)),
    Projection(name="outcomes", topics=(TASKS_OUTCOMES, ACCOUNTING_OUTCOMES)),
    Projection(name="entries", topics=(ACCOUNTING_TRANSACTIONS,), tables=("entries", "balances", "earnings")),
    Projection(name="mails", topics=(ACCOUNTING_MAILS,)),
    Projection(name="day_figures", topics=(ANALYTICS_FIGURES,)),
    Projection(name="balance_figures", topics=(ANALYTICS_FIGURES,), tables=("day_balance_figures", "balance_figures")),
    Projection(name="dearest_figures", topics=(ANALYTICS_FIGURES,)),
)
READ_MODELS: dict[str, ReadModel] = {
    table: ReadModel(name=table, topics=projection.topics)
    for projection in PROJECTIONS
    for table in projection.tables or (projection.name,)
}

DATABASE_ROLES = (*dict.fromkeys(part.database for part in PROCESSES.values() if part.database), "query", "audit")
"""Without the prefix `ates_`. `query` runs the SQL of analytics, `audit` the command of that name."""


def dead_letters_of(topic: Topic) -> str:
    """The topic of its dead letters."""
    return topic.name + DEAD_LETTERS

"""A Faust app whose agents handle whole batches, each in one Kafka transaction.

Everything else stays Faust's: the app and its agents, topics, tables and their changelogs, the consumer group and its
assignor, the command line. docs/exactly-once.md explains the protocol step by step.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import faust
import faust.app.base
from faust.auth import SASLCredentials, SSLCredentials
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.auth import CredentialsT

from ates.streams.assignment import Assignment
from ates.streams.batch import DeadLetters, Serde
from ates.streams.changelog import Changelogs, position_table, topic_name
from ates.streams.context import Observer, TaskContext
from ates.streams.disk import DiskStores
from ates.streams.effects import Handler, TableSpec, Timer
from ates.streams.global_table import GlobalTable
from ates.streams.redriven import Peers
from ates.streams.sink_task import Sink, SinkTask
from ates.streams.state import Store
from ates.streams.stores import MemoryStores, Stores
from ates.streams.stream_task import StreamTask
from ates.streams.tables import Table, TableManager
from ates.streams.transactional_task import Ready, TransactionalTask
from ates.streams.transport import BatchSchema, Consumer
from ates.streams.watchdog import Watchdog

# A killed worker's partitions wait for the session to end, unless it comes back under the same instance name.
SESSION_SECONDS = 6.0
HEARTBEAT_SECONDS = 1.5
REBALANCE_SECONDS = 10.0
# A broker that says nothing for so long is given up. Joining a group takes up to `REBALANCE_SECONDS`.
REQUEST_SECONDS = 12.0

# Far above what a batch takes, and a machine that has no time for us.
SILENT_SECONDS = 30.0


Hook = Callable[[], Awaitable[Any]]
StoreKind = Literal["rocksdb", "memory"]


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's Kafka transport with our consumer and our partitions."""

    Consumer = Consumer
    TransactionManager = Assignment


def _credentials(options: Mapping[str, Any]) -> CredentialsT | None:
    """aiokafka's security options in Faust's words."""
    protocol = options.get("security_protocol", "PLAINTEXT")
    if protocol.startswith("SASL"):
        return SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=options.get("ssl_context"),
        )
    return SSLCredentials(options["ssl_context"]) if protocol == "SSL" else None


class BootStrategy(faust.app.base.BootStrategy):  # type: ignore[misc]
    """Faust's own, without its web server: that one shows tables to everybody."""

    enable_web = False


class App(faust.App):  # type: ignore[misc]
    """`client_options` are aiokafka's (`bootstrap_servers` a list) and `producer_options` librdkafka's words for how
    to reach Kafka; every topic has `partitions`.

    `instance` is a stable name of this process (static membership): a restart under it takes its partitions back at
    once, without a rebalance. `store` says where table rows are kept: `rocksdb` in the data directory, so that a
    restart reads on where it stands; `memory` in the process, which reads the changelogs from the beginning. `peers`
    names the groups that read a topic, this one among them: no other is believed to take a record that was sent again.
    A process whose event loop is silent for `silent_seconds` ends, for its supervisor to start another.
    """

    BootStrategy = BootStrategy

    def __init__(
        self,
        id: str,
        *,
        client_options: Mapping[str, Any],
        producer_options: Mapping[str, Any],
        serde: Serde,
        partitions: int,
        replication: int = 1,
        instance: str = "",
        observer: Observer | None = None,
        peers: Peers | None = None,
        store: StoreKind = "rocksdb",
        silent_seconds: float = SILENT_SECONDS,
        **faust_options: Any,
    ) -> None:
        self.context = TaskContext(
            group=id,
            client_options=client_options,
            producer_options=producer_options,
            serde=serde,
            observer=observer or Observer(),
            peers=peers,
            data=Path(datadir) if (datadir := faust_options.get("datadir")) else None,
        )
        self._store = store
        self._stores: dict[TP, Stores] = {}
        self._tasks_of: dict[str, Callable[[TP], StreamTask]] = {}
        self._lifespans: list[tuple[Hook, Hook]] = []
        self._to_stop: list[Hook] = []
        self._partitions = partitions
        watchdog = Watchdog(silent_seconds)
        self.lifespan(watchdog.start, watchdog.stop)
        super().__init__(
            id,
            broker=";".join(f"kafka://{broker}" for broker in client_options["bootstrap_servers"]),
            broker_credentials=_credentials(client_options),
            processing_guarantee="exactly_once",
            Table=Table,
            TableManager=TableManager,
            store="memory://",
            topic_partitions=partitions,
            topic_replication_factor=replication,
            topic_disable_leader=True,
            consumer_auto_offset_reset="earliest",
            consumer_group_instance_id=instance or None,
            broker_session_timeout=SESSION_SECONDS,
            broker_heartbeat_interval=HEARTBEAT_SECONDS,
            broker_rebalance_timeout=REBALANCE_SECONDS,
            broker_request_timeout=REQUEST_SECONDS,
            broker_max_poll_records=2000,
            stream_wait_empty=False,
            web_enabled=False,
            **faust_options,
        )

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def handler(
        self,
        topic: str,
        handler: Handler,
        *,
        name: str,
        tables: Sequence[TableSpec] = (),
        dead_letters: str | None = None,
        owns_unreadable: bool = True,
        ready: Sequence[Ready] = (),
        timer: Timer | None = None,
    ) -> None:
        """Let `handler` work on `topic` as the agent `name`, the one writer of `tables`.

        Records that fail go to topic `dead_letters` (default `<topic>.dlq`). With `owns_unreadable` False, undecodable
        records are skipped, because another reader writes their dead letters. Nothing is handled before each of `ready`
        has returned. `timer` runs between batches.
        """
        kept = tables or [position_table(topic)]
        for spec in kept:
            self._declare(spec)
        changelogs = Changelogs(self.context.group, kept, adopts_group=not tables)
        letters = DeadLetters(dead_letters or f"{topic}.dlq", self.context.group, owns_unreadable)
        self._tasks_of[topic] = lambda tp: TransactionalTask(
            tp,
            self.context,
            handler,
            changelogs,
            self._stores_at(tp, kept, on_disk=bool(tables) and self._store == "rocksdb"),
            letters,
            ready,
            timer,
        )
        self._agent(topic, name)

    def sink(self, topic: str, sink: Sink, *, name: str, dead_letters: str | None = None) -> None:
        """Let `sink` store `topic` as the agent `name`. `dead_letters` None: undecodable records are only counted."""
        letters = DeadLetters(dead_letters, self.context.group) if dead_letters else None
        position = position_table(topic)
        if letters:
            self._declare(position)
        changelogs = Changelogs(self.context.group, [position])
        self._tasks_of[topic] = lambda tp: SinkTask(tp, self.context, sink, letters, changelogs)
        self._agent(topic, name)

    def global_table(self, topic: str, apply: Callable[[Any], None]) -> GlobalTable:
        """Read all of `topic` in this worker, from its beginning on: for small data that all partitions need."""
        table = GlobalTable(topic, apply, self.context)
        self.lifespan(table.start, table.stop)
        return table

    def lifespan(self, start: Hook, stop: Hook) -> None:
        """Await `start` before the worker joins its group, and `stop` after it has left."""
        self._lifespans.append((start, stop))

    def _declare(self, spec: TableSpec) -> None:
        self.Table(
            spec.name,
            key_type=str,
            value_type=spec.value,
            partitions=self._partitions,
            help=spec.help,
            changelog_topic=self.topic(
                topic_name(self.context.group, spec.name),
                partitions=self._partitions,
                compacting=True,
                deleting=False,
                internal=True,
                acks=False,
            ),
        )

    def _agent(self, topic: str, name: str) -> None:
        channel = self.topic(topic, partitions=self._partitions, schema=BatchSchema(), acks=False, internal=False)

        @self.agent(channel, name=name)  # type: ignore[untyped-decorator]
        async def agent(stream: Any) -> None:
            async for event in stream.noack().events():
                partition = self.consumer.transactions.open.get(event.value.tp)
                if partition is not None:
                    partition.accept(event.value)

    def task_for(self, tp: TP) -> StreamTask:
        """The task of a partition that was assigned to us."""
        return self._tasks_of[tp.topic](tp)

    def _stores_at(self, tp: TP, tables: Sequence[TableSpec], *, on_disk: bool) -> Stores:
        if tp not in self._stores:
            self._stores[tp] = DiskStores(self.conf.tabledir, tp, tables) if on_disk else MemoryStores(tables)
        return self._stores[tp]

    async def keep_stores(self, assigned: Container[TP]) -> None:
        """Let go of the stores of all partitions but those `assigned` to us."""
        for tp in [tp for tp in self._stores if tp not in assigned]:
            await self._stores.pop(tp).close()

    def stores_of(self, table: str) -> list[Store]:
        """The open stores of `table`, one for each partition that we own."""
        return [stores.by_table[table] for stores in self._stores.values() if table in stores.by_table]

    def unready(self) -> str:
        """Why this worker is not ready; empty when it is, with all its partitions open."""
        if self.rebalancing:
            return "rebalancing"
        reason: str = self.consumer.transactions.unready()
        return reason

    def opening(self) -> bool:
        """Whether a rebalance goes on, or a partition of ours is not open."""
        opening: bool = self.rebalancing or self.consumer.transactions.opening()
        return opening

    def waiting(self) -> dict[TP, int]:
        """Of each partition here that cannot go on: the offset of the record that it waits at."""
        waiting: dict[TP, int] = self.consumer.transactions.waiting()
        return waiting

    def notices(self) -> list[str]:
        """What somebody should know of the partitions here, though they go on."""
        return [f"{tp.topic}[{tp.partition}]: {text}" for tp, text in sorted(self.context.notices.items())]

    def lag(self) -> dict[TP, int]:
        """Of each partition that is open here: committed records that are not handled yet, as far as is known."""
        lags = {tp: self.consumer.lag(tp, p.position) for tp, p in self.consumer.transactions.open.items() if p.ready}
        return {tp: lag for tp, lag in lags.items() if lag is not None}

    def on_rebalance_return(self) -> None:
        """A rebalance ends here for us: what is left to do, every partition does on its own."""
        super().on_rebalance_return()
        self.on_rebalance_end()

    async def on_first_start(self) -> None:
        """Make Faust's data directory, with its parents."""
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_start(self) -> None:
        """Start the global tables and lifespans."""
        _spare_collector()
        await super().on_start()
        for start, stop in self._lifespans:
            await start()
            self._to_stop.append(stop)

    async def on_stop(self) -> None:
        """Let go of all partitions, then stop what they need, last started first."""
        await super().on_stop()
        await self.consumer.transactions.on_stop()
        await self.keep_stores(())
        while self._to_stop:
            await self._to_stop.pop()()


def _spare_collector() -> None:
    """Let the garbage collector look at little, and rarely.

    A batch makes some ten thousand objects that go with it, none of them in a cycle. By default the collector looks
    through them after every 700, and now and then through all that was ever imported: a third of the CPU of a batch.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)

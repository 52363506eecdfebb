"""The process behind an `App`: a Faust app whose agents handle whole batches, each in one Kafka transaction.

Faust's part is the consumer group with its assignor, and the life of the process. Nothing of it is public.
docs/exactly-once.md explains the protocol step by step.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from typing import Any

import faust
import faust.app.base
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.auth import CredentialsT

from ates.streams.changelog import Changelogs, position_table
from ates.streams.connection import Connection
from ates.streams.context import TaskContext
from ates.streams.disk import DiskStores
from ates.streams.effects import TableSpec
from ates.streams.options import StoreKind
from ates.streams.privates.assignment import Assignment
from ates.streams.privates.table_manager import TableManager
from ates.streams.privates.transport import BatchSchema, Consumer
from ates.streams.processors import Processor
from ates.streams.sink_task import SinkTask
from ates.streams.state import Store
from ates.streams.stores import MemoryStores, Stores
from ates.streams.stream_task import StreamTask
from ates.streams.transactional_task import TransactionalTask
from ates.streams.watchdog import Watchdog

# A killed worker's partitions wait for the session to end, unless it comes back under the same instance name.
SESSION_SECONDS = 6.0
HEARTBEAT_SECONDS = 1.5
REBALANCE_SECONDS = 10.0
# A broker that says nothing for so long is given up. Joining a group takes up to `REBALANCE_SECONDS`.
REQUEST_SECONDS = 12.0


Hook = Callable[[], Awaitable[Any]]


class Transport(driver.Transport):  # type: ignore[misc]
    """Faust's Kafka transport with our consumer and our partitions."""

    Consumer = Consumer
    TransactionManager = Assignment


def _credentials(connection: Connection) -> CredentialsT | None:
    """The connection's security in Faust's words."""
    options = connection.client_options
    protocol, context = options["security_protocol"], options.get("ssl_context")
    if bearer := options.get("sasl_oauth_token_provider"):
        return OAuthCredentials(oauth_cb=bearer, ssl_context=context)
    if protocol.startswith("SASL"):
        return SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return SSLCredentials(context) if protocol == "SSL" else None


class BootStrategy(faust.app.base.BootStrategy):  # type: ignore[misc]
    """Faust's own, without its web server: that one shows tables to everybody."""

    enable_web = False


class Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker. Its command line knows the public app alone, and what runs is the process behind that."""

    def __init__(self, app: Any, *services: Any, **options: Any) -> None:
        super().__init__(app if isinstance(app, Runtime) else app._runtime, *services, **options)


class Runtime(faust.App):  # type: ignore[misc]
    """`App` says what the options mean. `silent_seconds` without a turn of the event loop end the process."""

    BootStrategy = BootStrategy

    def __init__(
        self,
        context: TaskContext,
        connection: Connection,
        *,
        instance: str,
        store: StoreKind,
        lifespans: Iterable[tuple[Hook, Hook]],
        silent_seconds: float,
        **faust_options: Any,
    ) -> None:
        self.context = context
        self._store = store
        self._stores: dict[TP, Stores] = {}
        self._tasks_of: dict[str, Callable[[TP], StreamTask]] = {}
        watchdog = Watchdog(silent_seconds)
        self._lifespans: list[tuple[Hook, Hook]] = [(watchdog.start, watchdog.stop), *lifespans]
        self._to_stop: list[Hook] = []
        super().__init__(
            context.group,
            broker=";".join(f"kafka://{broker}" for broker in connection.brokers),
            broker_credentials=_credentials(connection),
            processing_guarantee="exactly_once",
            TableManager=TableManager,
            Worker=Worker,
            store="memory://",
            topic_allow_declare=False,
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

    def take(self, processor: Processor) -> None:
        """Do the work of `processor` in every partition of its topic that is assigned to us."""
        self._tasks_of[processor.topic] = self._sink(processor) if processor.sink else self._handler(processor)
        self._agent(processor.topic, processor.name)

    def _handler(self, processor: Processor) -> Callable[[TP], StreamTask]:
        handler, letters, tables = processor.handler, processor.letters, processor.tables
        assert handler is not None and letters is not None
        kept = tables or [position_table(processor.topic)]
        changelogs = Changelogs(self.context.group, kept, adopts_group=not tables)
        return lambda tp: TransactionalTask(
            tp,
            self.context,
            handler,
            changelogs,
            self._stores_at(tp, kept, on_disk=bool(tables) and self._store == "rocksdb"),
            letters,
            processor.ready,
            processor.timer,
        )

    def _sink(self, processor: Processor) -> Callable[[TP], StreamTask]:
        sink = processor.sink
        assert sink is not None
        changelogs = Changelogs(self.context.group, [position_table(processor.topic)])
        return lambda tp: SinkTask(tp, self.context, sink, processor.letters, changelogs)

    def _agent(self, topic: str, name: str) -> None:
        channel = self.topic(topic, schema=BatchSchema(), acks=False, internal=False)

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
        """Warnings about the partitions here, which go on."""
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

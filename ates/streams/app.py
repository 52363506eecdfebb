"""An app: agents, tables and topics of one consumer group; each batch of records is one Kafka transaction.

Two styles on the same runtime: Faust's idiom (`@app.agent`), and pure handlers that yield effects (`app.handler`).
docs/streams/ explains both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ates.streams import disk
from ates.streams.avro import SchemaRegistry
from ates.streams.batch import Serde
from ates.streams.connection import Connection, Credentials
from ates.streams.context import Observer, TaskContext
from ates.streams.declarations import Declarations
from ates.streams.needed import needed_topics
from ates.streams.options import Options, from_faust, store_kind
from ates.streams.redriven import Peers
from ates.streams.topic_admin import TopicAdmin
from ates.streams.topics import AvroSchemas
from ates.streams.unsupported import APP, refuse

if TYPE_CHECKING:
    from faust.types import TP

    from ates.streams.privates.runtime import Runtime

PARTITIONS = 8
SILENT_SECONDS = 30.0

# Of the process behind us, for Faust's own command line: `faust -A hello worker`, `python hello.py worker`.
_FOR_FAUST = {
    *("conf", "finalize", "worker_init", "worker_init_post_autodiscover", "agents", "transport", "consumer", "started"),
    *("web_server_url", "web_server_driver_version", "_producer", "_http_client", "_maybe_close_http_client"),
}


class App(Declarations):
    """`id` names the consumer group, and the app's own topics begin with it.

    broker: `kafka://host:port`, several separated by `;` or `,`; `credentials` are for all connections
    store: where rows are kept: `rocksdb` in `datadir`, so that a restart reads on where it stands; `memory`
    partitions, replication: of topics that the app makes and that say nothing else; -1: the broker's own default
    create_topics: False where the operator makes them: missing ones are refused by name
    dead_letters: a record that fails goes to `<topic>.dlq`; False: it is skipped, and only the log tells
    registry: address of the schema registry, for Avro
    serde: reads and writes whole records, instead of the topics' codecs
    observer: receives the result of every batch
    instance: a stable name of this process: a restart under it takes its partitions back at once
    peers: the groups that read a topic; no other is believed to take a record that was sent again
    silent_seconds: a process whose event loop is silent for so long ends, for its supervisor to start another
    """

    def __init__(
        self,
        id: str,
        *,
        broker: str | Sequence[str] = "kafka://127.0.0.1:9092",
        credentials: Credentials | None = None,
        store: str = "rocksdb",
        datadir: str | Path | None = None,
        key_serializer: Any = "raw",
        value_serializer: Any = "json",
        partitions: int = PARTITIONS,
        replication: int = -1,
        create_topics: bool = True,
        dead_letters: bool = True,
        registry: str | SchemaRegistry = "",
        serde: Serde | None = None,
        observer: Observer | None = None,
        instance: str = "",
        peers: Peers | None = None,
        silent_seconds: float = SILENT_SECONDS,
        logging_config: Mapping[str, Any] | None = None,
        **faust_options: Any,
    ) -> None:
        renamed = from_faust(faust_options)
        options = Options(
            connection=Connection(broker, renamed.get("credentials", credentials)),
            store=store_kind(store),
            datadir=Path(datadir or f"{id}-data"),
            partitions=renamed.get("partitions", partitions),
            replication=renamed.get("replication", replication),
            create_topics=create_topics,
            dead_letters=dead_letters,
            instance=instance,
            silent_seconds=silent_seconds,
            logging_config=logging_config,
        )

        def context(serde: Serde) -> TaskContext:
            return TaskContext(
                group=id,
                client_options=options.connection.client_options,
                producer_options=options.connection.producer_options,
                serde=serde,
                observer=observer or Observer(),
                peers=peers,
                data=options.datadir,
            )

        super().__init__(id, options, (key_serializer, value_serializer), context, serde)
        self._registry = registry

    def __repr__(self) -> str:
        return f"App({self.id!r})"

    def __setattr__(self, name: str, value: Any) -> None:
        if name in APP:
            raise refuse("app.", name, APP)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in _FOR_FAUST:
            return getattr(self._runtime, name)
        raise refuse("app.", name, APP)

    @cached_property
    def _runtime(self) -> Runtime:
        from ates.streams.privates.runtime import Runtime

        options = self._options
        processors = self.processors.values()
        admin = TopicAdmin(
            options.connection,
            partitions=options.partitions,
            replication=options.replication,
            create=options.create_topics,
        )

        avro = AvroSchemas(self._registry, self._topics.values())

        async def prepare() -> None:
            await admin.ensure(needed_topics(self.id, processors, self._topics.values()))
            await avro.register()

        runtime = Runtime(
            self._context,
            options.connection,
            instance=options.instance,
            store=options.store,
            lifespans=[*self._lifespans, (prepare, _nothing)],
            silent_seconds=options.silent_seconds,
            datadir=options.datadir,
            logging_config=options.logging_config,
            topic_partitions=options.partitions,
            autodiscover=False,
        )
        for processor in processors:
            runtime.take(processor)
        self.stores_of = runtime.stores_of
        return runtime

    def main(self) -> NoReturn:
        """Faust's command line for this app: `python hello.py worker`."""
        from faust.cli.faust import cli

        self.finalize()
        self.worker_init()
        self.worker_init_post_autodiscover()
        cli(app=self)
        raise SystemExit(0)

    def run(self, loglevel: str = "info") -> None:
        """Work until the process is told to stop (SIGINT, SIGTERM)."""
        from ates.streams.privates.runtime import Worker

        self.finalize()
        Worker(self._runtime, loglevel=loglevel, quiet=True).execute_from_commandline()

    async def start(self) -> None:
        """Begin to work, in a program of your own; returns when the group has been joined."""
        self.finalize()
        await self._runtime.start()

    async def stop(self) -> None:
        """Finish the batches under way and leave the group."""
        await self._runtime.stop()

    def delete_local_tables(self) -> tuple[list[Path], list[Path]]:
        """Delete local rows, which are read again from the changelogs, except those that a running worker holds:
        deleted directories, held ones."""
        return disk.delete(Path(self.conf.tabledir))

    def unready(self) -> str:
        """Why this worker is not ready; empty when it is, with all its partitions open."""
        return self._runtime.unready()

    def waiting(self) -> dict[TP, int]:
        """Of each partition here that cannot go on: the offset of the record that it waits at."""
        return self._runtime.waiting()

    def notices(self) -> list[str]:
        """Warnings about the partitions here, which go on."""
        return self._runtime.notices()

    def lag(self) -> dict[TP, int]:
        """Of each partition that is open here: committed records that are not handled yet, as far as is known."""
        return self._runtime.lag()


async def _nothing() -> None: ...

"""The parts of every worker: settings, logs, codec, health, and the streams app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ates.platform import log
from ates.platform.kafka import credentials
from ates.platform.reach import Arrival
from ates.platform.registry import Registry
from ates.platform.settings import Settings, load, require
from ates.platform.tracing import tracer
from ates.schemas.codec import Codec
from ates.streams import App, Observer
from ates.topology import WORKERS
from ates.workers import faust_commands
from ates.workers.health import Health
from ates.workers.observing import Observers, StreamMetrics
from ates.workers.readers import readers
from ates.workers.serde import Serde
from ates.workers.traced import Spans


def create(name: str, serde_type: Callable[..., Serde] = Serde) -> tuple[App, Settings]:
    """The app of worker `name` of the topology, which is also its consumer group."""
    worker = WORKERS[name]
    with faust_commands.in_one_line():
        settings = load(worker.id)
        require(settings, "kafka", "registry", *(("postgres",) if worker.database else ()), *worker.settings)
    codec = Codec(Registry(settings), writes_old=settings.titles_split_from is not None)
    observers: list[Observer] = [StreamMetrics()]
    make_serde = partial(serde_type, codec, name, titles_split_from=settings.titles_split_from)
    serde = make_serde()
    traces = tracer(settings, worker.id)
    if traces:
        spans = Spans(traces, name)
        observers.append(spans)
        serde = make_serde(span_of=spans.span_of)
    app = App(
        name,
        broker=settings.kafka,
        credentials=credentials(settings),
        serde=serde,
        observer=Observers(observers),
        peers=readers,
        partitions=settings.partitions,
        replication=settings.kafka_replication,
        instance=settings.instance,
        store=settings.store,
        datadir=settings.data / "faust" / name,
        logging_config=log.configuration(settings, worker.id),
    )
    arrival = Arrival(settings)
    health = Health(settings, lambda: arrival.reason or app.unready(), app.notices, app.waiting, app.lag)
    app.lifespan(health.start, health.stop)
    app.lifespan(arrival.wait, _nothing)
    app.lifespan(codec.start, codec.stop)
    if traces:
        app.lifespan(_nothing, partial(asyncio.to_thread, traces.shutdown))
    faust_commands.register(app)
    return app, settings


async def _nothing() -> None: ...

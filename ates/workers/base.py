"""What every worker is made of: settings, logs, codec, health, and the streams app."""

from __future__ import annotations

from ates import log
from ates.kafka import client_options, librdkafka_options
from ates.registry import Registry
from ates.schemas.codec import Codec
from ates.settings import Settings, load, require
from ates.streams.app import App
from ates.workers.health import Health
from ates.workers.serde import Serde


def create(name: str, *needed: str) -> tuple[App, Settings]:
    """The app of worker `name`, which is also its consumer group. `needed` settings must not be empty."""
    settings = load(f"worker.{name}")
    require(settings, "kafka", "registry", *needed)
    codec = Codec(Registry(settings))
    app = App(
        name,
        client_options=client_options(settings),
        producer_options=librdkafka_options(settings),
        serde=Serde(codec, name),
        partitions=settings.partitions,
        replication=settings.kafka_replication,
        instance=settings.instance,
        datadir=settings.data / "faust" / name,
        logging_config=log.configuration(settings, f"worker.{name}"),
    )
    health = Health(settings, app.unready)
    app.during(health.start, health.stop)
    app.during(codec.start, codec.stop)
    return app, settings

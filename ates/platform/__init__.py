"""Services that every process uses: Kafka, registry, Postgres, settings, logs, metrics, traces."""

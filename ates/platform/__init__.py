"""What every process needs of the machine it runs on: Kafka, registry, Postgres, settings, logs, metrics, traces."""

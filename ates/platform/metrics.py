"""What every process tells Prometheus, in one place: names, units, labels. One registry a process, the library's own.

Served at `/metrics` of each process's own port, never through the gateway. docs/signals.md lists them.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

READY = Gauge("ates_ready", "1 when the process can do its work now, else 0; /readyz gives the reason.")

HTTP_SECONDS = Histogram(
    "ates_http_request_seconds",
    "Time to answer a request; `route` is the pattern, not the path.",
    ["service", "method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

RECORDS = Counter("ates_records", "Records that took effect.", ["topic", "partition"])
BATCH_RECORDS = Histogram(
    "ates_batch_records",
    "Records that took effect together, in one transaction.",
    ["topic"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000),
)
TRANSACTION_SECONDS = Histogram(
    "ates_transaction_seconds",
    "From the first record's handling to the commit that made a batch take effect.",
    ["topic"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15),
)
ABORTS = Counter(
    "ates_transaction_aborts", "Batches that failed, had no effect and were read again.", ["topic", "error"]
)
DEAD_LETTERS = Counter("ates_dead_letters", "Records that could not be handled.", ["topic"])
DEAD_LETTERS_WAITING = Gauge(
    "ates_dead_letters_waiting",
    "Dead letters that nobody has sent again or set aside; `topic` is where they came from.",
    ["topic"],
)
GROUP_OFFSETS_MOVED = Counter(
    "ates_group_offsets_moved",
    "Times that a consumer group's offset was not what we wrote: somebody moved it, and our own position held.",
    ["topic", "partition"],
)
STALLS = Counter(
    "ates_partition_stalls",
    "Times that nothing was fetched of a partition though something waited; it was fetched anew.",
    ["topic", "partition"],
)
WAITS_AT = Gauge(
    "ates_partition_waits_at_offset",
    "The record at which a partition waits because it cannot go on; no sample while it goes on.",
    ["topic", "partition"],
)
LAG_RECORDS = Gauge(
    "ates_consumer_lag_records", "Offsets between what was handled and the end of the log.", ["topic", "partition"]
)

COMMANDS = Counter(
    "ates_commands", "Commands that were decided; `outcome` is `applied`, or the refusal's code.", ["topic", "outcome"]
)

PAYOUT_MAILS = Counter(
    "ates_payout_mails", "Tries to send a payout mail; `outcome` is `sent`, `failed` or `later`.", ["outcome"]
)

OUTBOX_WAITING = Gauge("ates_outbox_waiting", "Events in auth's outbox that are not published yet.")
OUTBOX_OLDEST_SECONDS = Gauge("ates_outbox_oldest_seconds", "How long the oldest of them has waited.")

AUDIT = CollectorRegistry()
"""Of `ates audit --metrics`, which is no server: it writes a file for the textfile collector of node_exporter."""
AUDIT_OK = Gauge("ates_audit_ok", "1 when every invariant held in the last audit, else 0.", registry=AUDIT)
AUDIT_VIOLATIONS = Gauge(
    "ates_audit_violations", "Violations that the last audit found, by invariant.", ["invariant"], registry=AUDIT
)
AUDIT_TIMESTAMP = Gauge("ates_audit_timestamp_seconds", "When the last audit ended, in Unix time.", registry=AUDIT)


def exposition() -> tuple[bytes, Mapping[str, str]]:
    """Body and headers of an answer to Prometheus."""
    return generate_latest(), {"Content-Type": CONTENT_TYPE_LATEST}

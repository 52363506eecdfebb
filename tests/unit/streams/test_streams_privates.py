"""Private parts of Faust and aiokafka that the runtime overrides, calls or relies upon, as they were when we read them.

A new version that changes one fails here, by name: read what changed, mend ours, then `python
tests/unit/streams/test_streams_privates.py` writes the fingerprints anew.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import json
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path

import pytest

KNOWN = Path(__file__).with_name("privates.json")

PRIVATES = {
    # The order of a rebalance, and what Faust does to flow, queues and partitions meanwhile.
    "faust.app.base:App._on_partitions_revoked": "`Partitions.on_partitions_revoked` is called from it",
    "faust.app.base:App._on_partitions_assigned": "pauses, then calls `on_rebalance` of ours",
    "faust.app.base:App._update_assignment": "what moved",
    "faust.transport.consumer:Consumer.on_partitions_revoked": "forgets what was paused",
    "faust.transport.consumer:Consumer.on_partitions_assigned": "the end of a rebalance",
    "faust.transport.consumer:TransactionManager": "replaced by `Assignment`",
    "faust.transport.consumer:ThreadDelegateConsumer.threadsafe_partitions_revoked": "the thread waits for it",
    "faust.tables.manager:TableManager.on_start": "replaced",
    "faust.tables.manager:TableManager._update_channels": "replaced",
    "faust.tables.manager:TableManager.on_rebalance": "replaced",
    "faust.tables.manager:TableManager.wait_until_recovery_completed": "replaced",
    "faust.streams:current_event": "answers with `_current_event`, which is set while a record is handled",
    # Fetching.
    "faust.transport.consumer:Consumer.getmany": "replaced",
    "faust.transport.consumer:Consumer._get_active_partitions": "called",
    "faust.transport.consumer:Consumer._drain_messages": "calls our `getmany`",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._fetch_records": "extended: batches get their labels",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.getmany": "calls it in the thread",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_thread_stop": "extended",
    "faust.transport.drivers.aiokafka:ConsumerRebalanceListener": "the thread hears of a rebalance through it",
    "aiokafka.consumer.fetcher:Fetcher.__init__": "sets `_fetch_max_wait_ms`, `_fetch_min_bytes`, `_fetcher_timeout`",
    "aiokafka.consumer.fetcher:Fetcher._fetch_requests_routine": "uses them",
    "aiokafka.consumer.fetcher:Fetcher.fetched_records": "called by Faust",
    "aiokafka.consumer.fetcher:Fetcher._proc_fetch_request": "reads through `MemoryRecords`, which is replaced",
    "aiokafka.consumer.fetcher:Fetcher.close": "ends with CancelledError when it was backing off",
    "aiokafka.consumer.subscription_state:TopicPartitionState": "`lso`, `position` and `has_valid_position` are read",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._on_join_prepare": "revokes before it joins",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.ensure_active_group": "waits for the callback of it",
    "aiokafka.record.default_records:_DefaultRecordBatchPy": "reads again what has names that are no UTF-8",
    # The producer's requests.
    "aiokafka.client:AIOKafkaClient.send": "called",
    "aiokafka.client:AIOKafkaClient.coordinator_lookup": "called",
    "aiokafka.client:AIOKafkaClient._get_conn": "connections by group",
    "aiokafka.conn:AIOKafkaConnection.send": "headers and versions of requests",
    "aiokafka.protocol.api:Request": "base of the producer's requests",
}


CLIENTS = {"faust", "aiokafka", "confluent_kafka"}


def fingerprint(name: str) -> str:
    module, _, path = name.partition(":")
    source = inspect.getsource(attrgetter(path)(importlib.import_module(module)))
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    return {package: version(package) for package in ("faust-streaming", "aiokafka")}


@pytest.mark.parametrize("name", PRIVATES)
def test_what_we_rely_upon_is_as_we_have_read_it(name: str) -> None:
    known = json.loads(KNOWN.read_text())
    assert fingerprint(name) == known["fingerprints"].get(name), (
        f"{name} ({PRIVATES[name]}) is another one in {versions()} than it was in {known['versions']}"
    )


PUBLIC = {
    "faust.types": {"TP"},
    "faust.types.settings": {"Settings"},
    "faust.cli.faust": {"cli"},
    "aiokafka": {"AIOKafkaConsumer", "errors"},
    "aiokafka.abc": {"AbstractTokenProvider"},
    "aiokafka.admin": {"AIOKafkaAdminClient"},
    "aiokafka.errors": None,
    "aiokafka.structs": {"TopicPartition"},
    "confluent_kafka": None,
    "confluent_kafka.admin": None,
}
"""Names that Faust, aiokafka and librdkafka's client document: module -> names, None for all."""

PACKAGE = Path(__file__).parents[3] / "ates/streams"
OTHERS = [path for path in sorted(PACKAGE.rglob("*.py")) if "privates" not in path.relative_to(PACKAGE).parts]


def touched(source: str) -> set[str]:
    """What a module imports of the three that is none of `PUBLIC`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {
                one.name for one in node.names if one.name.partition(".")[0] in CLIENTS and one.name not in PUBLIC
            }
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in CLIENTS:
            public = PUBLIC.get(node.module or "", set())
            names = {one.name for one in node.names}
            found |= {f"{node.module}.{name}" for name in names if public is not None and name not in public}
    return found


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_but_those_of_the_package_privates_touches_a_private_part(path: Path) -> None:
    assert touched(path.read_text(encoding="utf-8")) == set()


def test_a_module_that_touches_a_private_part_is_found() -> None:
    assert touched("from aiokafka.client import AIOKafkaClient\nimport faust.app.base\nfrom faust.types import TP") == {
        "aiokafka.client.AIOKafkaClient", "faust.app.base",
    }  # fmt: skip


if __name__ == "__main__":
    told = {"versions": versions(), "fingerprints": {name: fingerprint(name) for name in PRIVATES}}
    KNOWN.write_text(json.dumps(told, indent=2) + "\n")

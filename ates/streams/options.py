"""An app's options, and Faust's names for some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ates.streams.connection import Connection, Credentials
from ates.streams.unsupported import NO_ACK, NO_HOOK, NO_WEB, Unsupported

StoreKind = Literal["rocksdb", "memory"]

_STORES: Mapping[str, StoreKind] = {"rocksdb": "rocksdb", "memory": "memory"}

_RENAMED = {"topic_partitions": "partitions", "topic_replication_factor": "replication"}

# Said in Faust's settings, and so here anyway.
_SAME: Mapping[str, tuple[Any, ...]] = {
    "processing_guarantee": ("exactly_once",),
    "autodiscover": (False, None),
    "origin": (None,),
    "version": (1,),
    "web_enabled": (False,),
    "topic_allow_declare": (True,),
}

_REFUSED: Mapping[str, str] = {
    "processing_guarantee": "there is exactly_once, and nothing less",
    "version": "give the app another id, or reset its group and topics",
    "autodiscover": "import the modules that hold your agents before app.main()",
    "web_enabled": NO_WEB, "web_port": NO_WEB, "web_host": NO_WEB, "web_bind": NO_WEB, "web": NO_WEB,
    "broker_commit_every": NO_ACK, "broker_commit_interval": NO_ACK,
    "stream_wait_empty": NO_ACK, "stream_ack_exceptions": "a record that fails goes to the dead-letter topic",
    "producer_acks": "a transaction is written to all replicas that are in sync",
    "topic_allow_declare": "create_topics=False",
    "table_standby_replicas": "there are no standbys; a store on disk is read on from where it stands",
    "table_cleanup_interval": "windows expire with the records that come",
    "Monitor": "observer=…", "monitor": "observer=…", "sensors": "observer=…",
    "on_error": NO_HOOK, "ssl_context": "credentials=Credentials(tls=True, ca=…)",
    "id_format": "the id is the group's name as it is", "loop": "the process has one event loop",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`App` says what they mean."""

    connection: Connection
    store: StoreKind
    datadir: Path
    partitions: int
    replication: int
    create_topics: bool
    dead_letters: bool
    instance: str
    silent_seconds: float
    logging_config: Mapping[str, Any] | None


def from_faust(options: Mapping[str, Any]) -> dict[str, Any]:
    """Faust's settings by our names. Raises `Unsupported` for one that does not live here, `TypeError` for nobody's."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in _RENAMED:
            found[_RENAMED[name]] = value
        elif name == "broker_credentials":
            found["credentials"] = _credentials(value)
        elif value in _SAME.get(name, ()):
            continue
        elif name in _REFUSED or _is_fausts(name):
            raise Unsupported(f"App({name}=…): {_REFUSED.get(name, 'a setting of Faust that has no meaning here')}")
        else:
            raise TypeError(f"App() got an unexpected keyword argument {name!r}")
    return found


def store_kind(store: Any) -> StoreKind:
    """`rocksdb` or `memory`, also as Faust's URLs."""
    name = str(store).partition(":")[0]
    if name not in _STORES:
        raise Unsupported(f"App(store={store!r}): there are rocksdb and memory")
    return _STORES[name]


def _is_fausts(name: str) -> bool:
    from faust.types.settings import Settings

    return name in Settings.SETTINGS


def _credentials(value: Any) -> Credentials:
    """Ours, or what Faust's SASL and SSL credentials say. Raises `Unsupported` for the others."""
    if isinstance(value, Credentials):
        return value
    if getattr(value, "username", None):
        mechanism = getattr(value.mechanism, "value", value.mechanism) or "PLAIN"
        return Credentials(value.username, value.password, mechanism, tls=value.ssl_context is not None)
    raise Unsupported("App(broker_credentials=…): use credentials=Credentials(username, password, tls=…, ca=…)")

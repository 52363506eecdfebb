"""Parts of Faust's API that do not live under this guarantee, each with the sentence that refuses it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from traceback import extract_tb
from types import TracebackType


class Unsupported(Exception):
    """A use of the API that is refused by name, when the module is imported, at the start, or at the call.

    It is a mistake of the program and of no record: no dead letter is written, the partition waits.
    """

    code = "unsupported"


class NoSuchName(Unsupported, AttributeError):
    """A name that is neither here nor refused with a sentence of its own: as much a mistake of the program."""


NO_TASKS = "work of its own belongs into a process of its own; app.lifespan(start, stop) opens and closes resources"
NO_WEB = "there is no web server in a worker; serve pages from a process of their own, which reads a topic or a sink"
NO_JOIN = "there are no joins; keep one side in a table and look it up, or follow it with app.GlobalTable"
NO_TIMER = "a timer belongs to an agent and runs in the transactions of its partitions: @agent.timer(seconds)"
NO_REPLY = "an agent sends no replies; send an answer to a topic of its own and let the asker read that"
NO_CHANNEL = "a channel in memory would lose its records with the process; send to a topic"
NO_ACK = "a record is acknowledged by the transaction that writes its effects; there is nothing to acknowledge"
NO_BATCH = "records are batched into transactions by themselves; collect several of them in a table"
NO_SET = 'a table of sets is a table: app.Table(name, default=set, value_type="set[str]")'
NO_PACE = "nothing may wait inside a transaction; limit the rate where the records are sent, or use a sink"
NO_SERVICE = "a worker runs no services; app.lifespan(start, stop) opens and closes what agents need"
NO_STREAM = "a stream is read by an agent: @app.agent(topic)"
NO_HOOK = "register app.lifespan(start, stop), or pass an Observer"
ONE_OWNER = "a partition has one owner, and rows change only through its transactions"

APP: Mapping[str, str] = {
    "page": NO_WEB, "table_route": NO_WEB, "topic_route": NO_WEB, "web": NO_WEB, "web_server": NO_WEB,
    "http_client": NO_TASKS, "cache": NO_WEB,
    "task": NO_TASKS, "command": "a command line of its own belongs to your program (click, argparse)",
    "timer": NO_TIMER, "crontab": f"{NO_TIMER}, and look at the clock inside",
    "service": NO_SERVICE, "add_runtime_dependency": NO_SERVICE, "livecheck": NO_SERVICE,
    "LiveCheck": "there is no LiveCheck; the app's lag(), waiting() and Observer say how it goes",
    "channel": NO_CHANNEL, "stream": NO_STREAM,
    "SetTable": NO_SET, "SetGlobalTable": NO_SET,
    "send": "send to a topic: await topic.send(key=…, value=…)",
    "maybe_start_client": "a program without an agent sends with a producer of its own",
    "start_client": "a program without an agent sends with a producer of its own",
    "discover": "import the modules that hold your agents before app.main()",
    "config_from_object": "pass the options to App(…)",
    "on_configured": NO_HOOK, "on_before_configured": NO_HOOK, "on_after_configured": NO_HOOK,
    "on_partitions_assigned": NO_HOOK, "on_partitions_revoked": NO_HOOK, "on_rebalance_complete": NO_HOOK,
    "on_before_shutdown": NO_HOOK, "on_worker_init": NO_HOOK, "on_produce_message": NO_HOOK,
    "producer": "records are sent in the transaction of an agent: await topic.send(…)",
    "commit": NO_ACK, "monitor": "pass an Observer", "sensors": "pass an Observer",
    "is_leader": "there is no leader; a timer runs for each partition, so partition 0's runs once",
    "Worker": "start with app.main() or app.run()", "actor": "@app.agent",
}  # fmt: skip

STREAM: Mapping[str, str] = {
    "take": NO_BATCH, "take_with_timestamp": NO_BATCH, "buffer": NO_BATCH,
    "rate_limit": NO_PACE,
    "join": NO_JOIN, "left_join": NO_JOIN, "inner_join": NO_JOIN, "outer_join": NO_JOIN, "combine": NO_JOIN,
    "noack": NO_ACK, "noack_take": NO_ACK, "ack": NO_ACK,
    "echo": "send to each topic: await topic.send(…)",
    "enumerate": "a number counted in memory begins anew at every restart; count in a table",
    "tee": "one agent reads one stream; send to a topic and let another agent read that",
    "add_processor": "call the function on the value inside the loop",
    "derive_topic": "name the topic: app.topic(…)", "split": "send to one topic or another inside the loop",
    "contribute_to_stream": NO_JOIN, "get_active_stream": NO_JOIN, "get_root_stream": NO_JOIN, "info": NO_JOIN,
    "concurrency_index": "a partition is handled in order; more partitions are handled side by side",
    "current_event": "iterate over stream.events()",
    "send": "send to a topic: await topic.send(…)",
}  # fmt: skip

EVENT: Mapping[str, str] = {
    "ack": NO_ACK, "acked": NO_ACK, "app": "use the app that you declared the agent on",
    "send": "send to a topic: await topic.send(…)",
}  # fmt: skip

MESSAGE: Mapping[str, str] = {
    "tp": "event.message.topic and event.message.partition", "timestamp_type": "event.message.time is Kafka's time",
    "checksum": "the client has checked it", "span": "pass an Observer",
    "serialized_key_size": "a codec sees the bytes", "serialized_value_size": "a codec sees the bytes",
    "acked": NO_ACK, "ack": NO_ACK, "refcount": NO_ACK, "incref": NO_ACK, "decref": NO_ACK, "on_final_ack": NO_ACK,
    "tracked": NO_ACK, "time_in": "pass an Observer", "time_out": "pass an Observer", "time_total": "pass an Observer",
    "generation_id": "a partition's owner is fenced by itself",
}  # fmt: skip

MODULE: Mapping[str, str] = {
    "Record": "models stay Faust's: from faust import Record",
    "ModelOptions": "models stay Faust's: from faust import ModelOptions",
    "current_event": "from faust import current_event; it is the record in hand, as stream.events() has it",
    "Channel": NO_CHANNEL, "ChannelT": NO_CHANNEL,
    "Monitor": "pass an Observer", "Sensor": "pass an Observer",
    "Schema": "name types or serializers where a topic is declared: app.topic(name, key_type=…, value_type=…)",
    "SetTable": NO_SET, "SetGlobalTable": NO_SET, "Settings": "pass the options to App(…)",
    "EventT": "the type is Event", "StreamT": "the type is Stream", "TopicT": "the type is Topic",
    "SASLCredentials": "Credentials(username, password)", "SSLCredentials": "Credentials(tls=True, ca=…)",
    "OAuthCredentials": "Credentials(token=…)", "GSSAPICredentials": "there is no Kerberos; see Credentials",
    "HoppingWindow": "app.Table(…).hopping(size, step, expires=…)",
    "TumblingWindow": "app.Table(…).tumbling(size, expires=…)",
    "SlidingWindow": "there are no sliding windows; use tumbling or hopping ones",
    "Worker": "start with app.main() or app.run()", "Service": NO_SERVICE, "ServiceT": NO_SERVICE,
    "uuid": "it is uuid.uuid4 of the standard library",
}  # fmt: skip

AGENT: Mapping[str, str] = {
    "ask": NO_REPLY, "ask_nowait": NO_REPLY, "map": NO_REPLY, "kvmap": NO_REPLY, "join": NO_REPLY, "kvjoin": NO_REPLY,
    "add_sink": "name the sinks where the agent is declared: @app.agent(topic, sink=[…])",
    "stream": NO_STREAM, "test_context": "drive the app with ates.streams.testing.TestDriver",
    "cancel": NO_SERVICE, "start": NO_SERVICE, "stop": NO_SERVICE, "restart": NO_SERVICE, "supervisor": NO_SERVICE,
    "channel": "name the topic: app.topic(…)", "actor_from_stream": NO_STREAM,
}  # fmt: skip

TOPIC: Mapping[str, str] = {
    "stream": NO_STREAM, "send_soon": "await topic.send(…): it never waits here",
    "put": "await topic.send(…)", "get": NO_STREAM, "derive": "name the topic: app.topic(…)",
    "declare": "topics are made at the start when they are missing", "maybe_declare": "topics are made at the start",
    "events": NO_STREAM, "subscriber_count": NO_STREAM, "pattern": "name the topics; a pattern could grow unseen",
}  # fmt: skip

TABLE: Mapping[str, str] = {
    "sliding": "there are no sliding windows; use tumbling or hopping ones",
    "using_window": "use .tumbling(size, expires=…) or .hopping(size, step, expires=…)",
    "join": NO_JOIN, "left_join": NO_JOIN, "inner_join": NO_JOIN, "outer_join": NO_JOIN, "combine": NO_JOIN,
    "clear": f"delete the rows one by one: {ONE_OWNER}", "popitem": "there is no last row; name the key",
    "on_recover": NO_HOOK,
    "on_window_close": "rows that expire are deleted in a transaction; read them with a timer before",
    "changelog_topic": "the changelog is the table's own", "reset_state": ONE_OWNER,
    "as_ansitable": "dict(table.items()) holds the rows",
    "relative_to_field": "name the time yourself: table.at(key, when)",
    "send_changelog": ONE_OWNER, "persisted_offset": ONE_OWNER, "partition_for_key": ONE_OWNER,
}  # fmt: skip

# Keywords of Faust's settings, and of its decorators, that are neither the same here nor have another name.
AGENT_OPTIONS: Mapping[str, str] = {
    "concurrency": "a partition is handled in order, one record at a time; more partitions are handled side by side",
    "isolated_partitions": "every partition is isolated already, with an agent of its own",
    "supervisor_strategy": "an agent that fails begins anew with the next record, and the record gets a dead letter",
    "use_reply_headers": NO_REPLY,
    "channel": "name the topic first: @app.agent(topic)",
    "schema": "name the types: key_type=, value_type=",
    "on_error": "an agent that fails begins anew, and the record gets a dead letter; an Observer is told",
    "help": "the function's docstring says it",
}
TOPIC_OPTIONS: Mapping[str, str] = {
    "pattern": "name the topics; a pattern could grow unseen",
    "schema": "name serdes: key_serializer=, value_serializer=",
    "acks": NO_ACK, "maxsize": NO_CHANNEL, "allow_empty": "a null value is None in the agent", "loop": NO_TASKS,
    "has_prefix": "name the topic as a whole", "internal": "an app makes its own topics by itself",
    "deleting": "say it in config: {'cleanup.policy': 'compact,delete'}",
    "queue": NO_CHANNEL, "root": NO_CHANNEL, "is_iterator": NO_STREAM, "active_partitions": NO_STREAM,
}  # fmt: skip
TABLE_OPTIONS: Mapping[str, str] = {
    "window": "use .tumbling(size, expires=…) or .hopping(size, step, expires=…)",
    "partitions": "a table has the partitions of the topic that its agent reads",
    "extra_topic_configs": "a changelog is compacted, and otherwise as the broker has it",
    "on_window_close": TABLE["on_window_close"], "recover_callbacks": NO_HOOK,
    "use_partitioner": ONE_OWNER, "options": "the store's options are its own",
    "schema": "name key_type= and value_type=",
    "key_serializer": "name key_type=", "value_serializer": "rows are JSON; name value_type=",
    "store": "the store is named once: App(store=…)", "standby_buffer_size": ONE_OWNER,
    "synchronize_all_active_partitions": ONE_OWNER, "changelog_topic": TABLE["changelog_topic"],
    "on_recover": NO_HOOK, "on_changelog_event": NO_HOOK, "recovery_buffer_size": ONE_OWNER,
    "is_global": "app.GlobalTable(topic) follows a topic",
}  # fmt: skip


def refuse(where: str, name: str, sentences: Mapping[str, str]) -> Exception:
    """The error for attribute or keyword `name`: with its sentence when Faust has it, else an ordinary one."""
    if name in sentences:
        return Unsupported(f"{where}{name}: {sentences[name]}")
    return NoSuchName(f"{where}{name}: there is no such thing")


_other_hook = sys.excepthook


def _one_sentence(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A refusal that ends a program is its sentence and the place in the program, without a traceback."""
    if not isinstance(error, Unsupported):
        _other_hook(kind, error, trace)
        return
    places = [frame for frame in extract_tb(trace) if "/site-packages/" not in frame.filename]
    programs = [frame for frame in places if f"{__name__.rpartition('.')[0].replace('.', '/')}/" not in frame.filename]
    shown = [frame for frame in programs if not frame.filename.startswith("<frozen")]
    where = f"{shown[-1].filename}:{shown[-1].lineno}: " if shown else ""
    sys.stderr.write(f"{where}{error}\n")


sys.excepthook = _one_sentence


def refuse_options(where: str, options: Mapping[str, object], sentences: Mapping[str, str]) -> None:
    """Raises `Unsupported` for a keyword of Faust's, `TypeError` for one of nobody's."""
    for name in options:
        if name in sentences:
            raise Unsupported(f"{where}({name}=…): {sentences[name]}")
        raise TypeError(f"{where}() got an unexpected keyword argument {name!r}")

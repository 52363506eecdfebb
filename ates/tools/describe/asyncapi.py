"""Topics, records and who sends them as an AsyncAPI 3.0 document, made from the topology and the Avro schemas. No I/O.

https://www.asyncapi.com/docs/reference/specification/v3.0.0, with the Kafka bindings 0.5.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ates.schemas.avro import full_name, schema_of
from ates.schemas.subjects import MODELS
from ates.tools.describe.text import kept
from ates.topology import ORIGINS, PROCESSES, dead_letters_of
from ates.topology_types import FrontEnd, Topic, Worker

Document = dict[str, Any]

BINDING = "0.5.0"
AVRO = "application/vnd.apache.avro;version=1.9.0"
_TEXT = {"type": "string"}
HEADERS = {
    "ce_specversion": ("1.0", True),
    "ce_id": ("unique; the same record sent again carries the same one", True),
    "ce_type": ("full name of the record", True),
    "ce_source": ("/ates/<service> that sent it", True),
    "ce_time": ("business time of the cause, RFC 3339 in UTC", True),
    "ce_subject": ("the record's key", True),
    "ce_causationid": ("ce_id of the record that caused it", False),
    "traceparent": ("W3C trace context", False),
}
LETTER_HEADERS = {
    "dlq_topic": "topic where the record was read",
    "dlq_partition": "its partition",
    "dlq_offset": "its offset",
    "dlq_error": "code of what was wrong with it",
    "dlq_attempts": "how often it was tried",
}


def document() -> Document:
    """All of it; the same whenever the topology and the schemas are."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "aTES",
            "version": "1.0.0",
            "description": "The topics and records of the Awesome Task Exchange System. A command says what somebody "
            "wants, an event what happened, an outcome what became of a command.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/vnd.apache.avro",
        "servers": {"kafka": _server()},
        "channels": {name: channel for topic in ORIGINS for name, channel in _channels(topic).items()},
        "operations": {name: operation for part in PROCESSES.values() for name, operation in _operations(part).items()},
        "components": {
            "messages": {record.__name__: _message(record) for record in _records()} | {"DeadLetter": _letter()},
            "messageTraits": {"cloudEvent": {"headers": _cloud_event()}},
        },
    }


def kind_of(record: type) -> str:
    """`outcome`, `command` (an imperative) or `event` (a past participle)."""
    topics = [topic.name for topic in ORIGINS if record in topic.records]
    if all(name.endswith(".outcomes") for name in topics):
        return "outcome"
    return "event" if record.__name__.endswith(("ed", "Sent", "Found")) else "command"


def _records() -> list[type]:
    return list(dict.fromkeys(record for topic in ORIGINS for record in topic.records))


def _server() -> Document:
    return {
        "host": "{address}",
        "protocol": "kafka-secure",
        "description": "`ates status --json` tells the address of the embedded broker; `clients/` in the data "
        "directory has the settings of users who may read it.",
        "variables": {"address": {"default": "127.0.0.1:9092", "description": "host:port of a broker"}},
        "security": [{"type": "scramSha256"}],
        "bindings": {
            "kafka": {
                "schemaRegistryUrl": "http://127.0.0.1:8081/apis/ccompat/v7",
                "schemaRegistryVendor": "confluent",
                "bindingVersion": BINDING,
            }
        },
    }


def _channels(topic: Topic) -> dict[str, Document]:
    messages = {record.__name__: _reference("components/messages", record.__name__) for record in topic.records}
    letters = topic.dead_letters()
    return {
        topic.name: _channel(topic, messages),
        letters.name: _channel(letters, {"DeadLetter": _reference("components/messages", "DeadLetter")}),
    }


def _channel(topic: Topic, messages: Mapping[str, Document]) -> Document:
    config = topic.config(1)
    return {
        "address": topic.name,
        "title": topic.name,
        "summary": f"Keyed by {topic.key}, kept {kept(topic)}.",
        "description": topic.description,
        "messages": dict(messages),
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {
                    "cleanup.policy": config["cleanup.policy"].split(","),
                    "retention.ms": int(config["retention.ms"]),
                    "max.message.bytes": int(config["max.message.bytes"]),
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _operations(part: Worker | FrontEnd) -> dict[str, Document]:
    """What a process sends, by topic; what it reads; and the dead letters that are its own to write."""
    sent: dict[str, dict[str, None]] = {}
    for flow in part.sends:
        sent.setdefault(flow.topic.name, {}).update(dict.fromkeys(record.__name__ for record in flow.records))
    found = {f"{part.id}.sends.{topic}": _operation("send", part, topic, records) for topic, records in sent.items()}
    if isinstance(part, Worker):
        for topic in part.sources:
            found[f"{part.id}.reads.{topic.name}"] = _operation("receive", part, topic.name, _names(topic), group=True)
        for letters in (dead_letters_of(topic) for topic in part.sources if part.owns(topic)):
            found[f"{part.id}.sends.{letters}"] = _operation("send", part, letters, ["DeadLetter"])
    for topic in part.global_tables:
        found[f"{part.id}.follows.{topic.name}"] = _operation("receive", part, topic.name, _names(topic))
    return found


def _operation(
    action: str, part: Worker | FrontEnd, topic: str, records: Iterable[str], *, group: bool = False
) -> Document:
    operation: Document = {
        "action": action,
        "title": f"{part.id} {'sends to' if action == 'send' else 'reads'} {topic}",
        "channel": _reference("channels", topic),
        "messages": [_reference(f"channels/{topic}/messages", record) for record in records],
        "tags": [{"name": part.id, "description": part.description}],
    }
    if group:
        operation["bindings"] = {
            "kafka": {"groupId": {"type": "string", "enum": [part.name]}, "bindingVersion": BINDING}
        }
    return operation


def _message(record: type) -> Document:
    schema = schema_of(MODELS[record])
    keys = sorted({topic.key for topic in ORIGINS if record in topic.records})
    return {
        "name": full_name(schema),
        "title": record.__name__,
        "summary": schema["doc"],
        "contentType": "application/vnd.apache.avro",
        "tags": [{"name": kind_of(record)}],
        "traits": [_reference("components/messageTraits", "cloudEvent")],
        "payload": {"schemaFormat": AVRO, "schema": schema},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": " or ".join(keys)},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "TopicRecordNameStrategy",
                "bindingVersion": BINDING,
            }
        },
    }


def _letter() -> Document:
    properties = {name: {**_TEXT, "description": text} for name, text in LETTER_HEADERS.items()}
    return {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": "A record that could not be decoded or handled: its own key, bytes and headers, and its origin.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": properties, "required": list(LETTER_HEADERS)},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": BINDING}},
    }


def _cloud_event() -> Document:
    properties = {name: {**_TEXT, "description": text} for name, (text, _) in HEADERS.items()}
    required = [name for name, (_, always) in HEADERS.items() if always]
    return {"type": "object", "properties": properties, "required": required}


def _names(topic: Topic) -> list[str]:
    return [record.__name__ for record in topic.records]


def _reference(where: str, name: str) -> Document:
    return {"$ref": f"#/{where}/{name}"}

"""Edited copies of records: from JSON text to the bytes that a front end would have sent, and their headers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from ates.domain.errors import Unprocessable
from ates.platform.kafka import partition_of
from ates.schemas import envelope
from ates.schemas.codec import Codec, type_of
from ates.tools.dry_run.trials import Candidate
from ates.topology import TOPICS

SOURCE = "/ates/topics"
Headers = list[tuple[str, bytes | None]]


def types(topic: str) -> list[str]:
    """The records that `topic` takes, by name."""
    return [record.__name__ for record in TOPICS[topic].records] if topic in TOPICS else []


def record_of(topic: str, type: str, text: str) -> Any:
    """The record of `type` that `text`, a JSON object, holds. Raises `Unprocessable` naming the field of the form."""
    kind = next((record for record in TOPICS[topic].records if record.__name__ == type), None)
    if kind is None:
        raise _wrong("type", "unknown_type", f"{topic} takes {', '.join(types(topic))}.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong("value", "json_malformed", f"The value is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise _wrong("value", "json_malformed", "The value must be a JSON object.")
    if unknown := found.keys() - {each.name for each in fields(kind)}:
        raise _wrong("value", "unknown_field", f"{type} has no field {', '.join(sorted(unknown))}.")
    try:
        return msgspec.convert(found, kind)
    except (msgspec.ValidationError, ValueError) as error:
        raise _wrong("value", "bad_value", f"This is no {type}: {error}.") from error


def copy_of(
    original: Candidate, codec: Codec, type: str, key: str, text: str, at: datetime, partitions: int
) -> Candidate:
    """`original` with another key and value. It stays in its partition unless its key is another one; `at` is the time
    of an original without envelope. Raises `Unprocessable` naming the field."""
    record = record_of(original.topic, type, text)
    try:
        value = codec.encode(original.topic, record)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong("value", "bad_value", f"This is no {type}: {error}.") from error
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise _wrong("key", "bad_key", "A key is a text of 1 to 200 printable characters.")
    headers = _headers(original, type_of(record), key, at)
    raw = key.encode()
    partition = original.partition if raw == original.key else partition_of(raw, partitions)
    return Candidate(original.topic, partition, original.offset, raw, value, headers)


def _headers(original: Candidate, type: str, key: str, at: datetime) -> Headers:
    """The original's, as far as they are an envelope; else new ones whose id follows from the original's place."""
    try:
        envelope.identity({name: value for name, value in original.headers if value is not None})
    except Unprocessable:
        place = f"{original.topic}/{original.partition}/{original.offset}"
        built = envelope.build(id=str(uuid5(NAMESPACE_URL, place)), type=type, source=SOURCE, time=at, subject=key)
        return [*built]
    changed = {"ce_type": type.encode(), "ce_subject": key.encode()}
    return [(name, changed.get(name, value)) for name, value in original.headers]


def without(headers: Sequence[tuple[str, bytes | None]], prefix: str) -> Headers:
    """The headers whose names do not begin with `prefix`."""
    return [(name, value) for name, value in headers if not name.startswith(prefix)]


def moment(milliseconds: int | None) -> datetime:
    """A record's timestamp; 1970 for none."""
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)


def _wrong(name: str, code: str, detail: str) -> Unprocessable:
    return Unprocessable("invalid_input", detail, errors=[{"field": name, "code": code, "detail": detail}])

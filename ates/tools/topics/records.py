"""A record as it is shown: where it is, its headers, what it says, and its bytes."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME

from ates.streams.privates.lenient import headers_of
from ates.tools.topics.decoding import Decoded, json_text, shown, text_of
from ates.tools.topics.masking import MASK, masked

_TIMES = {TIMESTAMP_CREATE_TIME: "create", TIMESTAMP_LOG_APPEND_TIME: "append"}
_TRACE = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Record:
    """timestamp_ms: since 1970, None when it has none; timestamp_of: `create` (its sender's clock) or `append`
    (the broker's); headers: in their order, a name may come twice"""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None
    timestamp_of: str
    key: bytes | None
    headers: list[tuple[str, bytes | None]]
    value: bytes | None
    decoded: Decoded
    decoded_key: Decoded | None = None

    @classmethod
    def of(cls, message: Any, decoded: Decoded, decoded_key: Decoded | None = None) -> Record:
        """From a message of the client."""
        kind, milliseconds = message.timestamp()
        return cls(
            message.topic(),
            message.partition(),
            message.offset(),
            milliseconds if kind in _TIMES else None,
            _TIMES.get(kind, ""),
            message.key(),
            headers_of(message),
            message.value(),
            decoded,
            decoded_key,
        )

    @property
    def at(self) -> str:
        """Its permalink: `topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def key_text(self) -> str:
        """What the key says, by its schema if it has one."""
        return text_of(self.decoded_key.value) if self.decoded_key else self._shown(self.key)

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self.value or b"")

    @property
    def time(self) -> datetime | None:
        """The timestamp; None for none, or one that no calendar has."""
        try:
            return None if self.timestamp_ms is None else datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)
        except (OverflowError, ValueError, OSError):
            return None

    def header(self, name: str) -> str:
        """The text of the last header of this name; empty without one."""
        return next((self._shown(value) for header, value in reversed(self.headers) if header == name), "")

    def header_text(self, index: int) -> str:
        """The text of a header by its place."""
        return self._shown(self.headers[index][1])

    @property
    def visible_bytes(self) -> bytes | None:
        """The value as it is; None for no value, and for somebody who may not see mail addresses."""
        return None if self.decoded.masked else self.value

    def _shown(self, raw: bytes | None) -> str:
        return masked(shown(raw)) if self.decoded.masked else shown(raw)

    @property
    def type(self) -> str:
        """What kind of record it is: `ce_type`, else its schema's name; without the namespace."""
        return (self.header("ce_type") or self.decoded.schema).rpartition(".")[2]

    @property
    def trace(self) -> str:
        """The trace that it belongs to, empty when it says none."""
        match = _TRACE.fullmatch(self.header("traceparent"))
        return match[1] if match else ""

    def value_text(self, indent: int | None = None) -> str:
        """The value for people: JSON, text, or what its bytes are in hexadecimal."""
        if self.decoded.kind == "text":
            return str(self.decoded.value)
        if self.decoded.kind == "bytes":
            return MASK if self.decoded.masked else (self.value or b"").hex(" ")
        return json_text(self.decoded.value, indent)

    def to_json(self, *, raw: bool = False) -> dict[str, Any]:
        """As the API and `-o json` give it. Bytes that mean nothing are in `value_base64`; with `raw`, any are."""
        problem = {"code": self.decoded.problem, "detail": self.decoded.reason} if self.decoded.problem else None
        found = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": _rfc3339(self.time),
            "timestamp_type": self.timestamp_of or None,
            "key": None if self.key is None else self.key_text,
            "headers": self._grouped_headers(),
            "kind": self.decoded.kind,
            "schema": None
            if self.decoded.schema_id is None
            else {"id": self.decoded.schema_id, "name": self.decoded.schema or None},
            "problem": problem,
            "size": self.size,
            "value": self.decoded.value,
        }
        if (value := self.visible_bytes) is not None and (raw or self.decoded.kind == "bytes"):
            found["value_base64"] = base64.b64encode(value).decode()
        return found

    def _grouped_headers(self) -> dict[str, str | list[str]]:
        """Name -> text, or the texts in their order where a name comes more than once."""
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name, []).append(self._shown(value))
        return {name: texts if len(texts) > 1 else texts[0] for name, texts in found.items()}

    def json_line(self, *, raw: bool = False) -> str:
        """The same on one line."""
        return json_text(self.to_json(raw=raw))


def _rfc3339(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None

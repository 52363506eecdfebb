"""Requests and answers of the protocol, as clients/src/main/resources/common/message of apache/kafka defines them.

Field names are shortened. All versions are flexible: every structure ends in tagged fields, here always empty.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response, ResponseHeader_v0
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactBytes,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

TEXT = CompactString("utf-8")
TAGS = ("tags", TaggedFields)
NO_TAGS: dict[int, bytes] = {}

FINALIZED_FEATURES = 2  # a tag


def api(name: str, key: int, version: int, question: list[tuple[str, Any]], answer: list[tuple[str, Any]]) -> Any:
    """A request of one API in one version; its instances take the fields of `question` in order, without the tags."""
    about = {"API_KEY": key, "API_VERSION": version}
    response = type(f"{name}Answer", (Response,), {**about, "SCHEMA": Schema(*answer, TAGS)})
    struct = type(
        f"{name}Struct",
        (RequestStruct,),
        {**about, "FLEXIBLE_VERSION": True, "RESPONSE_TYPE": response, "SCHEMA": Schema(*question, TAGS)},
    )

    class OneVersion(Request[struct]):  # type: ignore[misc]
        API_KEY = key

        def __init__(self, *fields: Any) -> None:
            self.fields = (*fields, NO_TAGS)

        def build(self, struct: Any) -> Any:
            return struct(*self.fields)

    OneVersion.__name__ = OneVersion.__qualname__ = name
    return OneVersion


_PRODUCED = (
    ("partition", Int32),
    ("code", Int16),
    ("offset", Int64),
    ("log_append_time_ms", Int64),
    ("log_start", Int64),
    ("record_errors", CompactArray(("index", Int32), ("message", TEXT), TAGS)),
    ("message", TEXT),
    TAGS,
)

Produce = api(
    "Produce",
    0,
    12,
    [
        ("transactional_id", TEXT),
        ("acks", Int16),
        ("timeout_ms", Int32),
        ("topics", CompactArray(
            ("topic", TEXT),
            ("partitions", CompactArray(("partition", Int32), ("batch", CompactBytes), TAGS)),
            TAGS,
        )),
    ],
    [("topics", CompactArray(("topic", TEXT), ("partitions", CompactArray(*_PRODUCED)), TAGS)), ("throttle_ms", Int32)],
)  # fmt: skip

TxnOffsetCommit = api(
    "TxnOffsetCommit",
    28,
    5,
    [
        ("transactional_id", TEXT),
        ("group", TEXT),
        ("producer_id", Int64),
        ("epoch", Int16),
        ("generation", Int32),
        ("member", TEXT),
        ("instance", TEXT),
        ("topics", CompactArray(
            ("topic", TEXT),
            ("partitions", CompactArray(
                ("partition", Int32), ("offset", Int64), ("leader_epoch", Int32), ("metadata", TEXT), TAGS
            )),
            TAGS,
        )),
    ],
    [
        ("throttle_ms", Int32),
        ("topics", CompactArray(
            ("topic", TEXT), ("partitions", CompactArray(("partition", Int32), ("code", Int16), TAGS)), TAGS
        )),
    ],
)  # fmt: skip

_IDENTITY = [("throttle_ms", Int32), ("code", Int16), ("producer_id", Int64), ("epoch", Int16)]

EndTxn = api(
    "EndTxn",
    26,
    5,
    [("transactional_id", TEXT), ("producer_id", Int64), ("epoch", Int16), ("commits", Boolean)],
    _IDENTITY,
)

InitProducerId = api(
    "InitProducerId",
    22,
    5,
    [("transactional_id", TEXT), ("timeout_ms", Int32), ("producer_id", Int64), ("epoch", Int16)],
    _IDENTITY,
)

ApiVersions = api(
    "ApiVersions",
    18,
    3,
    [("client", TEXT), ("version", TEXT)],
    [
        ("code", Int16),
        ("apis", CompactArray(("key", Int16), ("lowest", Int16), ("highest", Int16), TAGS)),
        ("throttle_ms", Int32),
    ],
)
# Its answer has the header of old, whatever the version: the client does not know yet what the broker speaks.
ApiVersions._CLASSES[0].parse_response_header = lambda self, read: ResponseHeader_v0.decode(read)

_FEATURES = CompactArray(("name", TEXT), ("highest", Int16), ("lowest", Int16), TAGS)


def finalized_features(answer: Any) -> dict[str, int]:
    """Feature → version level that the cluster has agreed on, from an answer to `ApiVersions`."""
    encoded = answer.tags.get(FINALIZED_FEATURES)
    return {name: level for name, level, *_ in _FEATURES.decode(BytesIO(encoded))} if encoded else {}

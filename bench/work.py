"""The work that every contender does: read an event, add its amount to its account's balance (kept with a changelog),
write one output. Avro in and out: fastavro, schemas known on both sides, keys are account ids.
"""

from __future__ import annotations

import os
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

KEYS = 1_000
PARTITIONS = 4

BROKER = os.environ.get("BENCH_BROKER", "")
INPUT = os.environ.get("BENCH_INPUT", "bench-input")
OUTPUT = os.environ.get("BENCH_OUTPUT", "bench-output")
GROUP = os.environ.get("BENCH_GROUP", "bench")

EVENT = parse_schema(
    {
        "type": "record",
        "name": "Booked",
        "fields": [
            {"name": "booking_id", "type": "string"},
            {"name": "account_id", "type": "string"},
            {"name": "amount_cents", "type": "long"},
            {"name": "reason", "type": "string"},
            {"name": "booked_at", "type": "long"},
        ],
    }
)
RESULT = parse_schema(
    {
        "type": "record",
        "name": "Balance",
        "fields": [
            {"name": "booking_id", "type": "string"},
            {"name": "account_id", "type": "string"},
            {"name": "amount_cents", "type": "long"},
            {"name": "balance_cents", "type": "long"},
            {"name": "booked_at", "type": "long"},
        ],
    }
)


def event(number: int) -> tuple[bytes, bytes, int]:
    """Key, value and partition of the `number`-th input."""
    account = number % KEYS
    record = {
        "booking_id": f"{number:032x}",
        "account_id": f"account-{account:06d}",
        "amount_cents": number % 97 + 1,
        "reason": "replaced the perch in meeting room Macaw",
        "booked_at": 1_700_000_000_000 + number,
    }
    return record["account_id"].encode(), encode(EVENT, record), account % PARTITIONS


def decode(value: bytes) -> dict[str, Any]:
    """An input event."""
    record: dict[str, Any] = schemaless_reader(BytesIO(value), EVENT, None)
    return record


def encode(schema: Any, record: dict[str, Any]) -> bytes:
    """Avro without framing."""
    out = BytesIO()
    schemaless_writer(out, schema, record)
    return out.getvalue()


def result(booked: dict[str, Any], balance_cents: int) -> bytes:
    """The output for an input."""
    return encode(
        RESULT,
        {
            "booking_id": booked["booking_id"],
            "account_id": booked["account_id"],
            "amount_cents": booked["amount_cents"],
            "balance_cents": balance_cents,
            "booked_at": booked["booked_at"],
        },
    )

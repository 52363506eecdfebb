"""The work that every contender does: read an event, add its amount to its account's balance (kept with a changelog),
write one output. Avro in and out: fastavro, schemas known on both sides, keys are account ids.

Nothing is imported here that one of the contenders might not have in its own environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

KEYS = 1_000
PARTITIONS = 4
COMMIT_MS = 100

BROKER = os.environ.get("BENCH_BROKER", "")
INPUT = os.environ.get("BENCH_INPUT", "bench-input")
OUTPUT = os.environ.get("BENCH_OUTPUT", "bench-output")
GROUP = os.environ.get("BENCH_GROUP", "bench")
STATE = os.environ.get("BENCH_STATE", "")  # a new folder for whatever a contender keeps on disk

_SCHEMAS = Path(__file__).parent / "schemas"


def schema(name: str) -> Any:
    """Avro's schema of an input (`booked`) or an output (`balance`)."""
    return json.loads((_SCHEMAS / f"{name}.avsc").read_text(encoding="utf-8"))


EVENT = parse_schema(schema("booked"))
RESULT = parse_schema(schema("balance"))


def account(number: int, keys: int = KEYS, active: int = 0) -> str:
    """The account of the `number`-th input, in no order: all of `keys` equally often, or `active` ones among them."""
    chosen = (number * 2654435761 & 0xFFFFFFFF) % (active or keys)
    return f"account-{chosen * (keys // active if active else 1):07d}"


def amount_cents(number: int) -> int:
    """What the `number`-th input books."""
    return number % 97 + 1


def event(number: int, account: Callable[[int], str] = account) -> tuple[bytes, bytes]:
    """Key and value of the `number`-th input, which is for `account(number)`."""
    record = {
        "booking_id": f"{number:032x}",
        "account_id": account(number),
        "amount_cents": amount_cents(number),
        "reason": "replaced the perch in meeting room Macaw",
        "booked_at": 1_700_000_000_000 + number,
    }
    return record["account_id"].encode(), encode(EVENT, record)


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


def decode_result(value: bytes) -> dict[str, Any]:
    """An output, read again to check it."""
    record: dict[str, Any] = schemaless_reader(BytesIO(value), RESULT, None)
    return record

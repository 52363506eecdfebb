"""Times of Avro that no calendar has: they are valid numbers, and shown as these. Pure."""

from __future__ import annotations

from typing import Any

from fastavro.read import LOGICAL_READERS

_TIMES = {"date", "time-millis", "time-micros"} | {
    f"{local}timestamp-{unit}" for local in ("", "local-") for unit in ("millis", "micros", "nanos")
}


def plain(schema: Any) -> Any:
    """`schema` with numbers in the place of dates and times."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: plain(part) for key, part in schema.items() if key != "logicalType" or part not in _TIMES}


def restored(schema: Any, value: Any) -> Any:
    """`value`, read with the plain schema, with those of its dates and times that a calendar has."""
    if isinstance(schema, list):
        schema = next((one for one in schema if _fits(one, value)), None)
    if not isinstance(schema, dict):
        return value
    return _inner(schema.get("type"), schema, value)


def _inner(kind: Any, schema: Any, value: Any) -> Any:
    if kind == "record" and isinstance(value, dict):
        return {field["name"]: restored(field["type"], value.get(field["name"])) for field in schema["fields"]}
    if kind == "array" and isinstance(value, list):
        return [restored(schema["items"], item) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {name: restored(schema["values"], item) for name, item in value.items()}
    if isinstance(kind, (dict, list)):
        return restored(kind, value)
    return _moment(f"{kind}-{schema.get('logicalType')}", value)


def _fits(branch: Any, value: Any) -> bool:
    if not isinstance(branch, dict):
        return False
    kind = branch.get("type")
    if isinstance(value, dict):
        fields = {field["name"] for field in branch.get("fields", ())}
        return kind == "map" or (kind == "record" and fields == {*value})
    if isinstance(value, list):
        return bool(kind == "array")
    return branch.get("logicalType") in _TIMES and isinstance(value, int)


def _moment(kind: str, value: Any) -> Any:
    read = LOGICAL_READERS.get(kind)
    if read is None or kind.partition("-")[2] not in _TIMES or not isinstance(value, int):
        return value
    try:
        return read(value)
    except (OverflowError, ValueError):
        return value

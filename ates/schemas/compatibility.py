"""Whether two versions of a record can each be read with the other (Confluent's FULL), and which field is to blame.

The registry decides; this says why in words that name the field, and lets a unit test refuse a change before any
registry sees it. Our records are flat: fields of plain types or unions of them. No I/O.
"""

from __future__ import annotations

from typing import Any

from ates.schemas.avro import Schema, full_name

# writer's type -> the types that a reader may have instead
_PROMOTIONS = {"int": {"long", "float", "double"}, "long": {"float", "double"}, "float": {"double"}}


def objections(one: Schema, other: Schema) -> list[str]:
    """Why records of one version cannot be read with the other, whichever is the writer; nothing if they can."""
    if full_name(one) != full_name(other):
        return [f"record {full_name(one)} was renamed to {full_name(other)}"]
    ours = {field["name"]: field for field in one["fields"]}
    theirs = {field["name"]: field for field in other["fields"]}
    lone = [field for name, field in {**ours, **theirs}.items() if (name in ours) != (name in theirs)]
    changed = [
        name
        for name in ours.keys() & theirs.keys()
        if not (_readable(ours[name], theirs[name]) and _readable(theirs[name], ours[name]))
    ]
    return [
        *(f"field {f['name']} is not in both versions and has no default" for f in lone if "default" not in f),
        *(f"field {name} is {shown(ours[name])} here and {shown(theirs[name])} there" for name in sorted(changed)),
    ]


def _readable(writer: dict[str, Any], reader: dict[str, Any]) -> bool:
    return all(
        any(wrote == reads or reads in _PROMOTIONS.get(wrote, ()) for reads in _types(reader))
        for wrote in _types(writer)
    )


def _types(field: dict[str, Any]) -> list[str]:
    """The names of the types that a field may hold; a logical type counts as one of its own."""
    branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return [str(b.get("logicalType") or b["type"]) if isinstance(b, dict) else str(b) for b in branches]


def shown(field: dict[str, Any]) -> str:
    """The types that a field may hold, for people."""
    return " or ".join(_types(field))

"""From a declared record to its Avro schema, documented by the docstrings of the domain. No I/O.

A record is declared once, as a dataclass of the domain (`ates.domain.tasks.messages`); `ates.schemas.tasks` and its
siblings say which of them are Avro records and in what namespace. Here the two become a schema.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dataclasses_avroschema import AvroModel

Schema = dict[str, Any]
Model = type[AvroModel]

_MEANING = re.compile(r"^\s*(\w+): (.+)$", re.MULTILINE)


def domain_of(model: Model) -> type:
    """The plain dataclass that `model` declares a record for: encoded, and given back by decoding."""
    return model.__bases__[0]


def schema_of(model: Model) -> Schema:
    """The Avro schema of `model`: record and fields carry the domain's words as `doc`."""
    declared = model.avro_schema_to_python()
    meaning = meanings(domain_of(model))
    return {
        "type": "record",
        "name": declared["name"],
        "namespace": declared["namespace"],
        "doc": summary(domain_of(model)),
        "fields": [{**field, "doc": meaning[field["name"]]} for field in declared["fields"]],
    }


def full_name(schema: Schema) -> str:
    """`ates.tasks.TaskCreated`: also the `ce_type` of its records."""
    namespace = schema.get("namespace", "")
    name: str = schema["name"]
    return f"{namespace}.{name}" if namespace and "." not in name else name


def summary(record: type) -> str:
    """The meaning of the record, in one sentence: the first line of its docstring."""
    return (record.__doc__ or "").strip().splitlines()[0]


def meanings(record: type) -> dict[str, str]:
    """Field -> its meaning, from the lines `field: meaning` in the docstrings of the record and its bases."""
    found: dict[str, str] = {}
    for base in reversed(record.__mro__[:-1]):
        found.update(_MEANING.findall(base.__doc__ or ""))
    return found


def as_text(schema: Schema) -> str:
    """The schema as it is checked in: stable, one field a line or more, ending in a newline."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"

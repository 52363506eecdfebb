"""Two versions of a schema side by side: their lines, and the fields that differ. No I/O."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Literal

from ates.domain.errors import Rejected
from ates.schemas.avro import Schema
from ates.schemas.compatibility import shown


@dataclass(frozen=True, slots=True)
class Side:
    """A line of one version, counted from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of both versions; None where one of them has none."""

    kind: Literal["same", "changed", "dropped", "added"]
    old: Side | None
    new: Side | None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that only one version has, or both but not the same; `text` says how, for people."""

    kind: Literal["added", "dropped", "changed"]
    field: str
    text: str

    def to_json(self) -> dict[str, str]:
        return {"kind": self.kind, "field": self.field, "text": self.text}


def chosen(subject: str, numbers: Sequence[int], old: int | None, new: int | None) -> tuple[int, int]:
    """The versions to compare: those asked for, else the newest and the one before. Raises `Rejected`
    `subject_not_found`, `version_not_found`."""
    if not numbers:
        raise Rejected("subject_not_found", f"The schema registry has no subject {subject}.")
    after = new or numbers[-1]
    before = old or max((number for number in numbers if number < after), default=after)
    for number, name in ((before, "old"), (after, "new")):
        if number not in numbers:
            detail = f"{subject} has no version {number}; it has {', '.join(map(str, numbers))}."
            raise Rejected("version_not_found", detail, field=name)
    return before, after


def unified(old: Schema, new: Schema) -> list[tuple[str, str]]:
    """The lines below each other, each with its sign: of both, `-` of the older version, `+` of the newer one."""
    found = []
    for line in side_by_side(old, new):
        if line.kind == "same":
            found.append((" ", line.new.text if line.new else ""))
            continue
        found += [(sign, side.text) for sign, side in (("-", line.old), ("+", line.new)) if side]
    return found


def side_by_side(old: Schema, new: Schema) -> list[Line]:
    """Every line of both as indented JSON, those that belong together beside each other."""
    left, right = _lines(old), _lines(new)
    matcher = SequenceMatcher(None, [side.text for side in left], [side.text for side in right], autojunk=False)
    return [
        _line(tag == "equal", *pair)
        for tag, a, b, c, d in matcher.get_opcodes()
        for pair in zip_longest(left[a:b], right[c:d])
    ]


def field_changes(old: Schema, new: Schema) -> list[FieldChange]:
    """The fields that differ, in the order of the newer version; dropped ones last."""
    before, after = ({field["name"]: field for field in each.get("fields", ())} for each in (old, new))
    found = [_field_change(before.get(name), field) for name, field in after.items()]
    dropped = [FieldChange("dropped", name, f"was {_about(f)}") for name, f in before.items() if name not in after]
    return [each for each in found if each] + dropped


def _field_change(old: dict[str, Any] | None, new: dict[str, Any]) -> FieldChange | None:
    if old is None:
        return FieldChange("added", new["name"], _about(new))
    parts = [f"{_about(old)} → {_about(new)}"] if _about(old) != _about(new) else []
    parts += ["another description"] if old.get("doc") != new.get("doc") else []
    return FieldChange("changed", new["name"], "; ".join(parts)) if parts else None


def _about(field: dict[str, Any]) -> str:
    default = f", default {json.dumps(field['default'])}" if "default" in field else ""
    return shown(field) + default


def _line(same: bool, old: Side | None, new: Side | None) -> Line:
    if same:
        return Line("same", old, new)
    return Line("changed" if old and new else "dropped" if old else "added", old, new)


def _lines(schema: Schema) -> list[Side]:
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    return [Side(number, line) for number, line in enumerate(text.splitlines(), start=1)]

"""Avro schemas that refer to others by name, made whole. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def name_of(schema: Any) -> str:
    """The full name of a named type, empty for any other schema."""
    if not isinstance(schema, dict) or not isinstance(schema.get("name"), str):
        return ""
    return _full(schema["name"], str(schema.get("namespace") or ""))


def inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """`schema` with the first use of each of `definitions`, by full name, replaced by what it stands for."""
    return _Inliner(definitions).of(schema, "")


class _Inliner:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._done: set[str] = set()

    def of(self, part: Any, namespace: str) -> Any:
        if isinstance(part, str):
            return self._named(part, namespace)
        if isinstance(part, list):
            return [self.of(branch, namespace) for branch in part]
        if not isinstance(part, dict):
            return part
        name = name_of({"namespace": namespace, **part})
        inner = name.rpartition(".")[0] if name else namespace
        whole = {key: self.of(part[key], inner) for key in ("type", "items", "values") if key in part}
        if isinstance(part.get("fields"), list):
            whole["fields"] = [
                {**field, "type": self.of(field.get("type"), inner)} if isinstance(field, dict) else field
                for field in part["fields"]
            ]
        return {**part, **whole}

    def _named(self, part: str, namespace: str) -> Any:
        name = next((name for name in (_full(part, namespace), part) if name in self._definitions), None)
        if name is None:
            return part
        if name in self._done:
            return name
        self._done.add(name)
        # With its own namespace, or it would get that of the place where it stands now.
        return self.of({"namespace": "", **self._definitions[name]}, "")


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"

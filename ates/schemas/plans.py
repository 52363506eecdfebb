"""The compiled codec, where it was built: a plan for each schema of flat records, and headers. Elsewhere fastavro and
Python serve alone."""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING

try:
    from ates.schemas import _headers
    from ates.schemas._plan import Plan
except ImportError:  # not built: no compiler, or built for another Python
    BUILT = False
else:
    BUILT = True

if TYPE_CHECKING:
    from ates.schemas.avro import Schema

SWITCH = "ATES_CODEC"


def plan_of(schema: Schema, record: type) -> Plan | None:
    """How instances of `record` are read and written in C; None where fastavro has to."""
    if not (BUILT and _wanted()):
        return None
    try:
        return Plan(schema, record)
    except ValueError:  # not flat
        return None


def headers() -> ModuleType | None:
    """The compiled module that makes and reads headers; None where only `envelope` does."""
    return _headers if BUILT and _wanted() else None


def running() -> str:
    """Which codec runs, for people."""
    if not BUILT:
        return "fastavro (the compiled codec is not built)"
    return "compiled" if _wanted() else f"fastavro ({SWITCH}=fastavro)"


def _wanted() -> bool:
    return os.environ.get(SWITCH) != "fastavro"

"""The versions of each subject that were ever in use, as checked in under `schemas/avsc/`.

`<subject>.avsc` is today's, generated from the records (`ates schemas write`). Before a record changes, its file is
kept as `<subject>.v<n>.avsc`: records written with it are in the log for ever.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from ates.schemas.avro import Schema, as_text, schema_of
from ates.schemas.subjects import SUBJECTS

_OLD = re.compile(r"(?P<subject>.+)\.v(?P<version>[0-9]+)\.avsc")


def folder() -> Traversable:
    """Where the schemas are checked in."""
    return files("ates.schemas") / "avsc"


def versions(subject: str) -> list[Schema]:
    """Every version of `subject`, oldest first; the last one is today's."""
    return [*_old(subject), schema_of(SUBJECTS[subject])]


def generated() -> dict[str, str]:
    """File name -> content of what has to be checked in for today's records."""
    return {f"{subject}.avsc": as_text(schema_of(model)) for subject, model in SUBJECTS.items()}


def checked_in() -> dict[str, str]:
    """File name -> content of what is checked in for today's records."""
    return {
        file.name: file.read_text(encoding="utf-8")
        for file in folder().iterdir()
        if file.name.endswith(".avsc") and not _OLD.fullmatch(file.name)
    }


def _old(subject: str) -> list[Schema]:
    found = {
        int(match["version"]): file
        for file in folder().iterdir()
        if (match := _OLD.fullmatch(file.name)) and match["subject"] == subject
    }
    return [json.loads(found[version].read_text(encoding="utf-8")) for version in sorted(found)]

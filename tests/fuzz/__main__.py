"""`python -m tests.fuzz [libFuzzer options]`: any schema with any bytes, through the bounded reader.

An input is a schema as JSON, a zero byte, and the bytes of a record. libFuzzer starts from the hostile cases of the
unit tests and changes whatever reaches new code. A finding is an exception other than `Unprocessable`, more than twenty
seconds, or more than 512 MiB; the input that did it is kept as a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ates.schemas"]):
    from ates.domain.errors import Unprocessable
    from ates.platform.registry import SCHEMA_CHARS_MAX
    from ates.schemas.bounded import Reader

from tests.unit.schemas.strangers import HOSTILE, array_of, record

HARMLESS = [
    (record(["null", "string"]), b"\2\4ok"),
    (
        array_of({"type": "map", "values": {"type": "bytes", "logicalType": "decimal", "precision": 4}}),
        b"\2\2\2k\2\7\0\0",
    ),
]


def one_input(data: bytes) -> None:
    """What libFuzzer calls with each input."""
    text, _, value = data.partition(b"\0")
    try:
        schema = json.loads(text[:SCHEMA_CHARS_MAX])
    except (ValueError, RecursionError):
        return
    if isinstance(schema, dict):
        with contextlib.suppress(Unprocessable):
            Reader(schema).read_whole(value, 0)


def _corpus(folder: Path) -> None:
    cases = [*((schema, value) for _, schema, value, _ in HOSTILE), *HARMLESS]
    for number, (schema, value) in enumerate(cases):
        text = json.dumps(schema).encode()
        if len(text) + len(value) < 4096:
            (folder / f"{number:02}").write_bytes(text + b"\0" + value)


def main() -> None:
    """libFuzzer ends its process by itself, so it gets one of its own and the folder is cleared afterwards."""
    with tempfile.TemporaryDirectory(prefix="ates-fuzz-") as folder:
        _corpus(Path(folder))
        child = os.fork()
        if not child:
            limits = ["-timeout=20", "-rss_limit_mb=512", "-max_len=4096"]
            atheris.Setup([sys.argv[0], *limits, *sys.argv[1:], folder], one_input)
            atheris.Fuzz()
        _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


main()

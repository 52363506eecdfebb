"""`python -m tests.fuzz.plan --runs N`: hostile bytes and values in C, watched by AddressSanitizer.

The modules (records, headers) are built again with the sanitizers of the C compiler and loaded into a Python whose
memory they watch too (`PYTHONMALLOC=malloc`): one byte read or written beyond a bytes object ends the run, and what did
it is printed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
FLAGS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
JUNK = [
    b"",
    b"\0",
    b"\1",
    b"\2",
    b"\x80",
    b"\xff" * 9,
    b"\xff" * 11,
    b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xc3(",
]
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
NUMBERS = [True, 7, -(2**63), 2**63, 2**200, 1.5]
WRONG = [*NUMBERS, None, "", "\ud800", "ü" * 300, b"x", [], date.min, date.max, FIRST, LAST, LAST.replace(tzinfo=None)]


@dataclass(frozen=True, slots=True)
class Everything:
    text: str
    small: int
    large: int
    flag: bool
    day: date
    at: datetime
    maybe: str | None
    later: datetime | None


RECORD = Everything("a text", 7, 2**40, True, date(2024, 2, 29), datetime(2024, 3, 1, tzinfo=UTC), "ü", None)
SCHEMA = {
    "type": "record",
    "name": "Everything",
    "fields": [
        {"name": "text", "type": "string"},
        {"name": "small", "type": "int"},
        {"name": "large", "type": "long"},
        {"name": "flag", "type": "boolean"},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "maybe", "type": ["null", "string"]},
        {"name": "later", "type": [{"type": "long", "logicalType": "timestamp-millis"}, "null"]},
    ],
}


def build(folder: Path) -> None:
    """The modules, instrumented."""
    compiler = shutil.which("cc") or sys.exit("a C compiler with sanitizers is needed, such as gcc")
    for name in ("_plan", "_headers"):
        source, module = folder / f"{name}.c", folder / f"{name}.so"
        _run(sys.executable, "-m", "cython", "-3", ROOT / "schemas" / f"{name}.pyx", "-o", source)
        _run(compiler, *FLAGS, "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}", source, "-o", module)


def _loaded(folder: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.so")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def try_out(folder: Path, runs: int, seed: int) -> None:
    """Random changes of a good record and of good headers, and random values in them."""
    chosen = random.Random(seed)
    _try_records(_loaded(folder, "_plan").Plan(SCHEMA, Everything), chosen, runs)
    _try_headers(_loaded(folder, "_headers"), chosen, runs)


def _try_records(plan: Any, chosen: random.Random, runs: int) -> None:
    good = plan.encode(b"frame", RECORD)
    assert plan.decode(good, 5) == RECORD
    names = [field.name for field in fields(Everything)]
    for _ in range(runs):
        plan.decode(*_changed(chosen, good))
        values: dict[str, Any] = {name: chosen.choice(WRONG) for name in chosen.sample(names, chosen.randrange(3))}
        plan.encode(b"frame"[: chosen.randrange(6)], replace(RECORD, **values))


def _try_headers(headers: Any, chosen: random.Random, runs: int) -> None:
    cause, place, parent = (
        "0d9f6ddc-9a2c-4f3b-a36f-6a1f1d9c9d11",
        b"tasks.events/0",
        b"00-" + b"4b" * 16 + b"-" + b"0f" * 8 + b"-01",
    )
    type, source = ("ce_type", b"ates.tasks.TaskAssigned"), ("ce_source", b"/ates/tasks")
    good = dict(headers.caused(cause, place, type, source, RECORD.at, b"key", parent))
    assert headers.identity(good) == (good["ce_id"].decode(), RECORD.at)
    for _ in range(runs):
        name = chosen.choice(list(good))
        changed, _ = _changed(chosen, good[name])
        headers.identity({**good, name: chosen.choice([changed, None, "text", changed * 40])})
        text = _changed(chosen, cause.encode())[0].decode("latin-1")
        at, trace = chosen.choice([RECORD.at, *WRONG]), chosen.choice([_changed(chosen, parent)[0], *WRONG])
        headers.caused(text, _changed(chosen, place * 3)[0], type, source, at, changed, trace)


def _changed(chosen: random.Random, good: bytes) -> tuple[bytes, int]:
    begin, end = sorted((chosen.randrange(len(good) + 1), chosen.randrange(len(good) + 1)))
    junk = chosen.choice([*JUNK, chosen.randbytes(chosen.randrange(8))])
    return good[:begin] + junk + (good[end:] if chosen.random() < 0.7 else b""), chosen.choice((5, 5, 5, 0, -1, 999))


def _run(*command: Any, **environ: str) -> None:
    done = subprocess.run(list(map(str, command)), env={**os.environ, **environ}, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.plan", description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--modules", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.modules:
        return try_out(asked.modules, asked.runs, asked.seed)
    with tempfile.TemporaryDirectory(prefix="ates-fuzz-") as folder:
        build(Path(folder))
        libraries = [_library(name) for name in ("libasan.so", "libubsan.so")]
        watched = {
            "LD_PRELOAD": " ".join(libraries), "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1",
        }  # fmt: skip
        again = ("--modules", folder, "--runs", asked.runs, "--seed", asked.seed)
        _run(sys.executable, "-m", "tests.fuzz.plan", *again, **watched)
    return None


def _library(name: str) -> str:
    return subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()

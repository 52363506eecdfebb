"""`bench/results/latest.json`: what was measured last, each part with its own time and machine. It begins with what was
published last, `docs/benchmarks.json`: what is not measured again keeps its figures."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.contenders import PEERS, QUIX

LATEST = Path(__file__).parent / "results" / "latest.json"
PUBLISHED = Path(__file__).parents[1] / "docs" / "benchmarks.json"
PACKAGES = ("faust-streaming", "aiokafka", "confluent-kafka", "fastavro", "msgspec", "rocksdict")


def read() -> dict[str, Any]:
    """What is there; empty when nothing was ever measured."""
    for path in (LATEST, PUBLISHED):
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
    return {}


def publish() -> None:
    """Make what is there what the docs tell."""
    _save(PUBLISHED, read())


def write(part: str, found: dict[str, Any]) -> None:
    """Put what was `found` in the place of the last result of the same part. The race is the top level."""
    result = read()
    result |= found if part == "race" else {part: found}
    told = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "versions": versions()}
    result["measured"] = {**result.get("measured", {}), part: told}
    LATEST.parent.mkdir(exist_ok=True)
    _save(LATEST, result)


def _save(path: Path, result: dict[str, Any]) -> None:
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """What the figures depend on most."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30)),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def versions() -> dict[str, str]:
    """Of everything that takes part."""
    name, _, quix = QUIX.partition("==")
    jars = sorted((PEERS / "kafka_streams" / "target" / "lib").glob("*.jar"))
    java = {jar.stem.rpartition("-")[0]: jar.stem.rpartition("-")[2] for jar in jars}
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        name: quix,
        **{key: java[key] for key in ("kafka-streams", "avro", "rocksdbjni") if key in java},
        **({"java": _java()} if java else {}),
    }


def _java() -> str:
    try:
        said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return "none"
    return said.split('"')[1] if '"' in said else said.strip()

"""`bench/results/latest.json`: what was measured here, each part with its time, machine and versions.

What is not measured here is as published last, in `docs/benchmarks.json`.
"""

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
    """Each part as measured last, here or by whoever published it; empty when nothing ever was."""
    here, published = _load(LATEST), _load(PUBLISHED)
    told = {**published.get("measured", {})}
    result = {**published}
    for part, mine in here.get("measured", {}).items():
        if part not in told or mine["at"] > told[part]["at"]:
            told[part], result[part] = mine, here[part]
    return {**result, "measured": told} if told else {}


def write(part: str, found: dict[str, Any]) -> None:
    """Put what was `found` in the place of the last result of the same part."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"at": now, "machine": machine(), "versions": versions()}
    result = read()
    LATEST.parent.mkdir(exist_ok=True)
    save(LATEST, {**result, part: found, "measured": {**result.get("measured", {}), part: told}})


def save(path: Path, result: dict[str, Any]) -> None:
    """`result` as a file that can be compared line by line."""
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


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

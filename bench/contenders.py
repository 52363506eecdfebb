"""Who takes part, with what they need: each is started as a program, and says so when it cannot be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

from bench.stack import say

PEERS = Path(__file__).parent / "peers"
FAUST = [sys.executable, "-m", "faust", "-A"]
WORKER = ["worker", "--without-web", "-l", "error"]
QUIX = "quixstreams==3.28.1"
JDK = 17


class Absent(Exception):
    """A contender cannot be started here; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Contender:
    """`share` of the input is what it gets: the slow ones less, a rate is a rate. `threads`: one program, many threads.

    `command` raises `Absent`. `about` is the configuration, for readers of the result.
    """

    command: Callable[[], list[str]]
    about: str
    environment: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0
    threads: bool = False
    store: str = "memory"


def python(module: str) -> Callable[[], list[str]]:
    """A module of ours in our own environment."""
    return lambda: [sys.executable, "-m", module]


def faust(module: str) -> Callable[[], list[str]]:
    """A Faust app in our own environment."""
    return lambda: [*FAUST, module, *WORKER]


def cached(name: str) -> Path:
    """A folder that outlives a run."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "ates" / "bench" / name


@cache
def quix() -> list[str]:
    """Quix Streams in an environment of its own: its pins are not ours."""
    home = cached(QUIX.replace("==", "-"))
    interpreter = home / "bin" / "python"
    if not (home / ".installed").exists():
        fastavro = f"fastavro=={version('fastavro')}"  # decodes and encodes as fast for everybody
        say(f"installing {QUIX} into {home} (once) …")
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        _run([str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", QUIX, fastavro])
        (home / ".installed").touch()
    return [str(interpreter), "-m", "bench.peers.quix"]


@cache
def kafka_streams() -> list[str]:
    """The Java peer, built when its source is newer than what was built last."""
    project = PEERS / "kafka_streams"
    built = project / "target" / "peer.jar"
    sources = [project / "pom.xml", *(project / "src").rglob("*.*"), *(PEERS.parent / "schemas").iterdir()]
    if not built.exists() or max(path.stat().st_mtime for path in sources) > built.stat().st_mtime:
        _require_jdk()
        say("building the Kafka Streams peer …")
        _run(["mvn", "-q", "-B", "-f", str(project / "pom.xml"), "clean", "package"])
    classes = os.pathsep.join([str(built), str(built.parent / "lib" / "*")])
    return ["java", "-Xmx1g", "-cp", classes, "bench.Main"]


def _require_jdk() -> None:
    if not shutil.which("mvn") or not shutil.which("javac"):
        raise Absent(f"needs a JDK ({JDK} or newer) and Maven on the PATH")
    said = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+", said.stdout + said.stderr)
    if not found or int(found[0]) < JDK:
        raise Absent(f"needs a JDK {JDK} or newer, found {(said.stdout + said.stderr).strip()}")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Absent(f"{Path(command[0]).name} failed: {' '.join((done.stdout + done.stderr).split())[-300:]}")


CONTENDERS: dict[str, Contender] = {
    "ates": Contender(
        faust("bench.peers.ates"),
        "ates.streams as in the product: RocksDB through rocksdict, one transaction for each batch of a partition, "
        "fetches that collect for up to 100 ms under load; the compiled codec",
        store="RocksDB",
    ),
    "ates_fastavro": Contender(
        faust("bench.peers.ates"),
        "the same where the compiled codec is not built: fastavro",
        {"ATES_CODEC": "fastavro"},
        store="RocksDB",
    ),
    "faust_at_least_once": Contender(
        faust("bench.peers.stock_faust"),
        "the idiom of its documentation, commits every 100 ms",
        {"BENCH_GUARANTEE": "at_least_once"},
        share=0.05,
    ),
    "faust_exactly_once": Contender(
        faust("bench.peers.stock_faust"),
        "the same with processing_guarantee=exactly_once",
        {"BENCH_GUARANTEE": "exactly_once"},
        share=0.05,
    ),
    "quix_exactly_once": Contender(
        quix,
        "processing_guarantee=exactly-once, its own RocksDB state, commits every 100 ms (its default: 5 s)",
        store="RocksDB",
    ),
    "kafka_streams_exactly_once_v2": Contender(
        kafka_streams,
        "Processor API and store as its documentation writes them: RocksDB with changelog, commits every 100 ms (its "
        "default), as all else; Avro's generated classes, buffers used again; JVM defaults and 1 GiB of heap",
        {"BENCH_TUNED": "0"},
        threads=True,
        store="RocksDB",
    ),
    "kafka_streams_tuned": Contender(
        kafka_streams,
        "the same with a cache before the store, producer batches of 128 KiB and polls of 4,000 records",
        {"BENCH_TUNED": "1"},
        threads=True,
        store="RocksDB",
    ),
    "bare_transactional_loop": Contender(
        python("bench.peers.bare_loop"),
        "confluent-kafka: consume, add up in a dict, produce, offsets, commit every 100 ms; restores nothing",
    ),
}

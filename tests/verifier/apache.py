"""The verifier: `org.apache.kafka.streams.tests.StreamsEosTest`, as it comes out of the jar."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

from ates.embedded import java
from ates.embedded.downloads import Progress, jars, parse_lock

from .process import guarded

LOCK = Path(__file__).with_name("jars.lock")
MAIN = "org.apache.kafka.streams.tests.StreamsEosTest"
PASSED = "ALL-RECORDS-DELIVERED"
STOP_SECONDS = 300.0
VERDICT_SECONDS = 900.0  # it gives up by itself after ten minutes


class Verifier:
    """`home` is Kafka's. Downloads two more jars the first time."""

    def __init__(self, home: Path, directory: Path, servers: str, progress: Progress) -> None:
        files = parse_lock(LOCK.read_text(encoding="utf-8"))
        own = jars("Kafka Streams and its tests", files, f"kafka-streams-tests-{files[0].version}", progress)
        self._class_path = f"{own / '*'}:{home / '*'}"
        self._directory = directory
        self._settings = directory / "verifier.properties"
        self._settings.write_text(f"bootstrap.servers={servers}\nprocessing.guarantee=exactly_once_v2\n")
        self._producing: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Produce random numbers, about 150 a second."""
        with self._produced.open("wb") as out:
            self._producing = subprocess.Popen(guarded(self._command("run")), stdout=out, stderr=out)

    def produced(self) -> int:
        """How many numbers there are by now, to the thousand; exact after `end`. Raises `RuntimeError` if it failed."""
        if self._producing and self._producing.poll() not in {None, 143}:
            raise RuntimeError(f"the verifier's producer ended: see {self._produced}")
        told = re.findall(r"^(?:Producer closed: )?(\d+) records produced", self._produced.read_text(), re.MULTILINE)
        return int(told[-1]) if told else 0

    def end(self) -> int:
        """Stop producing; the number of numbers."""
        assert self._producing is not None
        self._producing.send_signal(signal.SIGTERM)
        self._producing.wait(STOP_SECONDS)
        return self.produced()

    def verdict(self, command: str) -> str:
        """What `verify` or `verify-complex` says at its end: `PASSED`, or what went wrong."""
        log = self._directory / f"{command}.log"
        with log.open("w") as err:
            done = subprocess.run(
                self._command(command),
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
                timeout=VERDICT_SECONDS,
                check=False,
            )
        lines = done.stdout.strip().splitlines()
        if done.returncode == 0 and PASSED in lines:
            return PASSED
        reasons = [line for line in log.read_text().splitlines() if "Exception" in line]
        return f"{lines[-1] if lines else 'nothing'}: {reasons[0] if reasons else f'see {log}'}"

    @property
    def _produced(self) -> Path:
        return self._directory / "produced.log"

    def _command(self, command: str) -> list[str]:
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
        return [
            str(java.find()),
            "-Xmx512m",
            *java.SMALL,
            quiet,
            "-cp",
            self._class_path,
            MAIN,
            str(self._settings),
            command,
        ]

    def kill(self) -> None:
        """For when all else failed."""
        if self._producing and self._producing.poll() is None:
            self._producing.kill()
            self._producing.wait()

"""A broker whose disk is a few megabytes, in a mount namespace of its own, so that it takes no rights on this machine.

`python broker_on_small_disk.py DIRECTORY HOME PORT CONTROLLER_PORT` formats and becomes the broker; run it through
`SmallDisk.start`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from ates.embedded import kafka

MEGABYTE = 1 << 20


class SmallDisk:
    """A disk of `megabytes` at `path`, for those whom `start` starts. `close` ends it and all that is on it."""

    def __init__(self, path: Path, megabytes: int) -> None:
        path.mkdir()
        self.path = path
        rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        mount = f"mount -t tmpfs -o size={megabytes}m tmpfs '{path}' && echo ready && exec sleep infinity"
        self._holder = subprocess.Popen(["unshare", *rights, "--mount", "sh", "-c", mount], stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", "no small disk could be mounted"
        self._enter = ["nsenter", "-t", str(self._holder.pid), "-m", *(["-U", "--preserve-credentials"] * bool(rights))]

    @property
    def seen_from_here(self) -> Path:
        return Path(f"/proc/{self._holder.pid}/root{self.path}")

    def start(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen([*self._enter, *command], stdout=out, stderr=out)

    def fill(self, but_megabytes: int) -> None:
        """Take all room but so much."""
        room = os.statvfs(self.seen_from_here)
        taken = room.f_bavail * room.f_frsize - but_megabytes * MEGABYTE
        with (self.seen_from_here / "balloon").open("wb") as balloon:
            os.posix_fallocate(balloon.fileno(), 0, taken)

    def make_room(self) -> None:
        (self.seen_from_here / "balloon").unlink()

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()


class Broker:
    """Kafka on a small disk."""

    def __init__(self, disk: SmallDisk, home: Path, ports: tuple[int, int], log: Path) -> None:
        self.log = log
        self._disk = disk
        self._command = [sys.executable, __file__, str(disk.path), str(home), *map(str, ports)]
        self.start()

    def start(self) -> None:
        self.popen = self._disk.start(self._command, self.log)

    def wait_for_its_end(self, seconds: float) -> None:
        """Wait until it gave up, as Kafka does when its one disk fails."""
        give_up = time.monotonic() + seconds
        while self.popen.poll() is None:
            assert time.monotonic() < give_up, f"the broker goes on without room: see {self.log}"
            time.sleep(0.1)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()


def main() -> None:
    directory, home, port, controller_port = sys.argv[1:]
    broker = kafka.properties(Path(directory), int(port), int(controller_port))
    kafka.configure(Path(directory), Path(home), broker, kafka.cluster_id())
    command = kafka.command(Path(directory), Path(home))
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()

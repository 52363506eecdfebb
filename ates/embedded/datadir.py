"""The data directory: what the stack keeps between runs, and which layout it has.

FORMAT        version of this layout
kept.json     chosen ports, generated passwords, settings that must not change (0600)
logins.json   the first logins, as `ates seed --logins` reads them (0600)
stack.json    what `ates.platform.settings` reads: shared variables and those of each process (0600)
prometheus.json  where each process shows its metrics, in the form of Prometheus' file_sd_configs
running.json  the supervisor's and its children's process ids
up.lock       held by the supervisor as long as it lives
logs/ kafka/ registry/ postgres/ mail/ keys/ gateway/
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ates.embedded import StackError
from ates.platform.settings import LOCK_FILE, STACK_FILE
from ates.platform.settings import is_up as is_locked

FORMAT = 1
# Format found -> function that brings the directory to the next one.
UPGRADES: dict[int, Callable[[Path], None]] = {}

# One login for each role, called after it; an empty company has the first one only.
LOGINS = ("admin", "manager", "accountant", "worker")

PROMETHEUS_FILE = "prometheus.json"

_LOCK_SECONDS = 0.3
_FOLDERS = ("logs", "kafka", "registry", "postgres", "mail", "keys", "gateway")


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Paths and small files of one stack. Reading never creates anything."""

    path: Path

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def logins_file(self) -> Path:
        return self.path / "logins.json"

    def exists(self) -> bool:
        return (self.path / "FORMAT").is_file()

    def prepare(self) -> None:
        """Create it, or upgrade one of an older format. Raises `StackError` when it is not ours or too new."""
        self.check()
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.exists():  # before anything else: by it we know the directory again when this is interrupted
            self._write_format(FORMAT)
        for folder in _FOLDERS:
            (self.path / folder).mkdir(exist_ok=True, mode=0o700)
        self._upgrade()

    def _write_format(self, number: int) -> None:
        _replace(self.path / "FORMAT", f"{number}\n")

    def tidy(self) -> None:
        """Remove files that a killed life was in the middle of writing. Only for the holder of the lock."""
        for left in self.path.glob(".*.partial"):
            left.unlink()

    def check(self) -> None:
        """Refuse a directory that holds something else, or that this version cannot read."""
        if not self.exists():
            if self.path.is_dir() and any(path.suffix != ".partial" for path in self.path.iterdir()):
                raise StackError("not_a_data_directory", f"{self.path} is not empty and holds no aTES data")
            return
        found = self._format()
        if found > FORMAT:
            raise StackError(
                "data_too_new",
                f"{self.path} has format {found}, this aTES knows formats up to {FORMAT}: use a newer aTES,"
                " or another --data directory",
            )
        if any(version not in UPGRADES for version in range(found, FORMAT)):
            raise StackError(
                "data_too_old",
                f"{self.path} has format {found}, this aTES needs {FORMAT} and cannot upgrade it: use another"
                " --data directory, or `ates reset --yes` to start afresh",
            )

    def _format(self) -> int:
        text = (self.path / "FORMAT").read_text(encoding="ascii").strip()
        if not text.isdigit():
            raise StackError("data_unreadable", f"{self.path / 'FORMAT'} should hold a number")
        return int(text)

    def _upgrade(self) -> None:
        for version in range(self._format(), FORMAT):
            UPGRADES[version](self.path)
            self._write_format(version + 1)

    def read(self, name: str) -> dict[str, Any]:
        """A JSON object of this directory; empty when the file does not exist."""
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (ValueError, PermissionError) as error:
            raise StackError("data_unreadable", f"{self.path / name} cannot be read: {error}") from error
        assert isinstance(content, dict)
        return content

    def write(self, name: str, content: object) -> None:
        """Replace a JSON file at once, readable by its owner only."""
        _replace(self.path / name, json.dumps(content, indent=2))

    def kept(self) -> dict[str, Any]:
        return self.read("kept.json")

    def running(self) -> dict[str, Any]:
        return self.read("running.json")

    def stack(self) -> dict[str, Any]:
        return self.read(STACK_FILE)

    def logins(self) -> list[dict[str, str]]:
        if not self.logins_file.is_file():
            return []
        content = json.loads(self.logins_file.read_text(encoding="utf-8"))
        assert isinstance(content, list)
        return content

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Hold the directory for one supervisor; gives False when another one has it."""
        with (self.path / LOCK_FILE).open("a") as file:
            yield _taken(file)

    def is_locked(self) -> bool:
        """Whether a supervisor runs on this directory."""
        return is_locked(self.path)

    def delete(self) -> None:
        """Remove everything. Only for a directory that is an aTES data directory."""
        if not self.exists():
            raise StackError("not_a_data_directory", f"{self.path} is not an aTES data directory; not deleted")
        shutil.rmtree(self.path)


def _taken(file: IO[str]) -> bool:
    """Try for a moment: a command that asks whether the stack is up has the lock for an instant, too."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _replace(path: Path, text: str) -> None:
    """Either what was there before, or all of `text`, whatever happens meanwhile."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")  # it is 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def ensure_logins(data: DataDirectory, history: str) -> None:
    """Make the logins of the first accounts; generated once, so that a printed password stays true."""
    logins = data.logins()
    known = {login["login"] for login in logins}
    wanted = LOGINS if history == "demo" else LOGINS[:1]
    more = [{"login": name, "password": _password(), "role": name} for name in wanted if name not in known]
    if more:
        data.write(data.logins_file.name, [*logins, *more])


def _password() -> str:
    """Short enough to be typed, 72 bits of chance."""
    return secrets.token_urlsafe(9)

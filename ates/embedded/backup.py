"""A copy of a stack's data directory, taken while it runs, and the way back.

The servers are held (SIGSTOP) for as long as the copy of their last changes takes, so it is the state of one moment, as
a power cut would leave it: Postgres, the registry and Kafka recover from that at their next start. Most of it is copied
before they are held. Postgres is held first and Kafka last: records that Postgres has not seen yet are read again.

A worker's tables are not copied; they are a copy of the changelogs already. Nor are the indexes of Kafka's segments: 20
MB of holes for each partition, which a broker that misses them makes again (`LogLoader.loadSegmentFiles`).
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import psutil

from ates.embedded import StackError, postgres
from ates.embedded.datadir import FORMAT, DataDirectory
from ates.embedded.identity import alive
from ates.embedded.processes import REPLACES

MANIFEST = "backup.json"
SERVERS = ("postgres", "registry", "kafka")
"""In the order in which they are held."""

_FOLDERS = ("kafka", "registry", "postgres", "mail", "keys")
_FILES = ("FORMAT", "kept.json", "logins.json")
_OF_ONE_LIFE = {"postmaster.pid", "postmaster.opts", ".lock"}
_INDEXES = (".index", ".timeindex", ".txnindex")
_FRESH_SECONDS = 2.0

Say = Callable[[str, int, int], None]
"""Told what is done, how much of it, and how much there is, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """`held_seconds`: how long the servers stood still. `not_included`: servers of the user's own."""

    at: str
    bytes: int
    files: int
    held_seconds: float
    not_included: tuple[str, ...]


def backup(data: DataDirectory, target: Path, say: Say) -> Backup:
    """Copy the stack of `data` to the new directory `target`. Raises `StackError` and changes nothing then."""
    data.check()
    if not data.exists():
        raise StackError("not_a_data_directory", f"{data.path} is not an aTES data directory")
    _require_new(target, "backup_exists")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True, mode=0o700)
        found = _copy(data, partial, say)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return found


def restore(source: Path, data: DataDirectory, say: Say) -> dict[str, Any]:
    """Make the data directory that `source` is a backup of; gives the manifest. Raises `StackError`."""
    manifest = _manifest(source)
    _require_new(data.path, "data_exists")
    _verify(source, manifest, say)
    partial = data.path.with_name(f".{data.path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True, mode=0o700)
        _Copier(source, partial, say).run("copying")
        (partial / MANIFEST).unlink(missing_ok=True)
        _give_postgres_its_files(partial / "postgres")
        if data.path.exists():
            data.path.rmdir()
        partial.rename(data.path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _require_new(target: Path, code: str) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StackError(code, f"{target} exists and is not empty; nothing was overwritten")


def _copy(data: DataDirectory, target: Path, say: Say) -> Backup:
    copier = _Copier(data.path, target, say)
    copier.run("copying")
    with _held(data):
        began, at = time.monotonic(), datetime.now(UTC)
        copier.run("copying the last changes", again=True)
        held = time.monotonic() - began
    files = _hashes(target, say)
    given = data.kept().get("given", {})
    brought = tuple(name for variable, name in REPLACES.items() if given.get(variable))
    manifest = {
        "format": FORMAT,
        "ates": version("ates"),
        "at": at.isoformat(),
        "stack": data.kept().get("stack", ""),
        "not_included": brought,
        "files": files,
    }
    file = target / MANIFEST
    file.touch(mode=0o600)
    file.write_text(json.dumps(manifest), encoding="utf-8")
    size = sum((target / name).stat().st_size for name in files)
    return Backup(at=manifest["at"], bytes=size, files=len(files), held_seconds=held, not_included=brought)


class _Copier:
    """Copies what a backup has of `source` to `target`; the second time only what has changed."""

    def __init__(self, source: Path, target: Path, say: Say) -> None:
        self._source = source
        self._target = target
        self._say = say

    def run(self, what: str, again: bool = False) -> None:
        """Copy. `again`: delete from the target what is gone, too."""
        names = list(_names(self._source))
        sizes = {name: _size(self._source / name) for name in names}
        total, done = sum(sizes.values()), 0
        for name in names:
            self._copy(name, again)
            done += sizes[name]
            self._say(what, done, total)
        if again:
            for gone in sorted(set(_names(self._target)) - set(names), reverse=True):
                path = self._target / gone
                path.rmdir() if path.is_dir() else path.unlink()

    def _copy(self, name: str, again: bool) -> None:
        source, target = self._source / name, self._target / name
        try:
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                _like(source, target)
            elif not (again and _same(source, target)):
                before = source.stat()
                shutil.copyfile(source, target)
                _like(source, target)
                # Younger than the clock's ticks can tell: looked at again.
                fresh = time.time() - before.st_mtime < _FRESH_SECONDS
                os.utime(target, ns=(0, 0 if fresh else before.st_mtime_ns))
        except FileNotFoundError:  # gone while we looked; the second time nothing goes
            if again:
                raise


def _names(root: Path) -> Iterator[str]:
    """Relative paths of what a backup has, folders before what is in them."""
    yield from (name for name in (*_FILES, MANIFEST) if (root / name).is_file())
    for top in _FOLDERS:
        for folder, folders, files in os.walk(root / top):
            here = os.path.relpath(folder, root)
            yield here
            folders.sort()
            kept = (name for name in sorted(files) if name not in _OF_ONE_LIFE and not name.endswith(_INDEXES))
            yield from (f"{here}/{name}" for name in kept)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _same(source: Path, target: Path) -> bool:
    if not target.exists():
        return False
    ours, theirs = target.stat(), source.stat()
    return (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _like(source: Path, target: Path) -> None:
    """The same rights and owner."""
    about = source.stat()
    target.chmod(about.st_mode & 0o7777)
    if os.geteuid() == 0:
        os.chown(target, about.st_uid, about.st_gid)


def _give_postgres_its_files(folder: Path) -> None:
    user = postgres.unprivileged_user()
    if user == "-" or not folder.exists():
        return
    entry = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


# Lets everybody whose pid it was told go on, when our end of its pipe is closed: by us, or because we were killed.
_RESUME = 'while read -r pid; do pids="$pid $pids"; done; kill -CONT $pids'


@contextmanager
def _held(data: DataDirectory) -> Iterator[None]:
    """Hold the supervisor and the servers. They go on at the end of the block, and if this process is killed in it."""
    roots = _to_hold(data)
    if not roots:
        yield
        return
    command = ["/bin/sh", "-c", _RESUME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as resume:
        assert resume.stdin is not None
        for root in roots:
            _hold(root.pid, resume.stdin)
            for child in _below(root) if root is not roots[0] else ():
                _hold(child.pid, resume.stdin)
        yield


def _hold(pid: int, resume: IO[bytes]) -> None:
    resume.write(f"{pid}\n".encode())
    resume.flush()
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)


def _to_hold(data: DataDirectory) -> list[psutil.Process]:
    """The supervisor, which would take silence for death, and the servers; nobody if the stack is down."""
    running = data.running()
    supervisor = alive(running.get("supervisor"))
    if supervisor is None:
        return []
    if not running.get("ready"):
        raise StackError("not_ready", "the stack is starting or stopping; try again when it is ready")
    servers = (alive(running.get("processes", {}).get(name)) for name in SERVERS)
    return [supervisor, *(server for server in servers if server)]


def _below(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def _hashes(root: Path, say: Say) -> dict[str, str]:
    """SHA-256 of every file."""
    names = [name for name in _names(root) if (root / name).is_file() and name != MANIFEST]
    total, done, found = sum(_size(root / name) for name in names), 0, {}
    for name in names:
        with (root / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        done += _size(root / name)
        say("checking", done, total)
    return found


def _manifest(source: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StackError("no_backup", f"{source} is no complete backup of aTES: it has no {MANIFEST}") from error
    except (OSError, ValueError) as error:
        raise StackError("no_backup", f"{source / MANIFEST} cannot be read: {error}") from error
    if manifest["format"] > FORMAT:
        raise StackError("data_too_new", f"{source} was made by a newer aTES ({manifest['ates']})")
    return manifest


def _verify(source: Path, manifest: dict[str, Any], say: Say) -> None:
    found = _hashes(source, say)
    wrong = sorted(name for name, digest in manifest["files"].items() if found.get(name) != digest)
    if wrong:
        raise StackError("backup_damaged", f"{source}: {', '.join(wrong[:3])} differs from the backup's own list")

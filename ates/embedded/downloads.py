"""Files that no Python package brings: fetched once by Maven coordinate, checked by SHA-256, kept in a cache.

A lock file names every file, so nothing is ever resolved. A file reaches its final name only when it is whole
and its checksum is right: an interrupted run loses at most the files it was at, the next one fetches only those.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from ates.embedded import StackError
from ates.platform.settings import home_directory

_AT_ONCE = 8
_TRIES = 3
_TIMEOUT_SECONDS = 60
_PARTIAL = ".partial-"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a Maven repository. `size` is in bytes."""

    group: str
    name: str
    version: str
    packaging: str
    classifier: str
    sha256: str
    size: int

    @property
    def filename(self) -> str:
        suffix = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{suffix}.{self.packaging}"


class Progress(Protocol):
    """Told about bytes as they come; called from several threads. An error raised by `advance` ends a download."""

    def begin(self, what: str, files: int, size: int) -> None: ...
    def advance(self, size: int) -> None: ...
    def end(self) -> None: ...


def read_lock(name: str) -> list[Artifact]:
    """The files that `kafka.lock` or `registry.lock` names."""
    return parse_lock((resources.files("ates.embedded") / name).read_text(encoding="utf-8"))


def parse_lock(text: str) -> list[Artifact]:
    """The files that a lock file names, one a line: coordinate, SHA-256, size."""
    return [_artifact(line) for line in text.splitlines() if line and not line.startswith("#")]


def _artifact(line: str) -> Artifact:
    coordinate, sha256, size = line.split()
    group, name, version, packaging, *classifier = coordinate.split(":")
    return Artifact(group, name, version, packaging, "".join(classifier), sha256, int(size))


def cache_directory() -> Path:
    """`$XDG_CACHE_HOME/ates`, shared by all stacks of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or home_directory("XDG_CACHE_HOME") / ".cache") / "ates"


def kafka_home(progress: Progress) -> Path:
    """The directory with Kafka's jars and nothing else, downloaded when they are missing."""
    files = read_lock("kafka.lock")
    [broker] = [file for file in files if file.name.startswith("kafka_")]
    return jars("Kafka", files, f"kafka-{broker.version}", progress)


def jars(what: str, files: list[Artifact], name: str, progress: Progress) -> Path:
    """A directory `name-…` in the cache with `files` and nothing else, downloaded when they are missing."""
    contents = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()
    home = cache_directory() / f"{name}-{contents[:8]}"
    with _one_at_a_time(cache_directory()):
        fetch(what, files, home, progress)
    return home


def registry_home(progress: Progress) -> Path:
    """The unpacked schema registry, downloaded when it is missing. The archive itself is not kept."""
    [archive] = read_lock("registry.lock")
    home = cache_directory() / f"{archive.name}-{archive.version}-{archive.sha256[:8]}"
    with _one_at_a_time(cache_directory()):
        if not home.is_dir():
            [path] = fetch("schema registry", [archive], cache_directory(), progress)
            _unpack(path, home)
            path.unlink()
    return home


def _unpack(archive: Path, home: Path) -> None:
    with _staging(home.parent) as staging:
        with tarfile.open(archive) as tar:
            # Python 3.11 before 3.11.4 has no filter; the checksum already vouches for the archive.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            tar.extractall(staging / home.name)  # noqa: S202
        (staging / home.name).rename(home)


def fetch(what: str, artifacts: list[Artifact], directory: Path, progress: Progress) -> list[Path]:
    """Paths of all `artifacts` in `directory`, after downloading those that are not there.

    Raises `StackError` with one line when one cannot be had or has the wrong checksum.
    """
    directory.mkdir(parents=True, exist_ok=True)
    missing = [a for a in artifacts if not _is_whole(directory / a.filename, a)]
    if missing:
        _download(what, missing, directory, progress)
    return [directory / a.filename for a in artifacts]


def _is_whole(path: Path, artifact: Artifact) -> bool:
    # The checksum was verified before the file got this name; its size tells a truncated disk.
    return path.is_file() and path.stat().st_size == artifact.size


def _download(what: str, missing: list[Artifact], directory: Path, progress: Progress) -> None:
    progress.begin(what, len(missing), sum(a.size for a in missing))
    try:
        with _staging(directory) as staging, ThreadPoolExecutor(_AT_ONCE) as pool:
            results = [pool.submit(_download_one, a, directory, staging, progress) for a in missing]
        errors = [error for result in results if (error := result.exception())]
    finally:
        progress.end()
    if errors:
        raise StackError(
            "download_failed",
            f"{len(errors)} of {len(missing)} files for {what} could not be downloaded ({_reason(errors[0])});"
            " what has come is kept, run the command again to get the rest",
        )


def _reason(error: BaseException) -> str:
    if isinstance(error, StackError):
        return error.detail
    # What the HTTP library says goes over many lines of addresses; its kind of error says as much.
    return f"no connection, {type(error).__name__}" if isinstance(error, OSError) else str(error)[:200]


def _download_one(artifact: Artifact, directory: Path, staging: Path, progress: Progress) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            path = _resolve(artifact, staging / f"{artifact.filename}.{attempt}", progress)
            break
        except (OSError, RuntimeError):
            if attempt == _TRIES:
                raise
            time.sleep(attempt)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != artifact.sha256:
        raise StackError(
            "checksum_wrong", f"{artifact.filename}: SHA-256 is {found}, the lock file says {artifact.sha256}"
        )
    path.replace(directory / artifact.filename)


def _resolve(artifact: Artifact, repository: Path, progress: Progress) -> Path:
    """Download one file by coordinate. jgo knows where Maven repositories are; it resolves nothing here."""
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def report(_filename: str, _size: int) -> Iterator[Any]:
        yield progress.advance

    context = MavenContext(
        resolver=PythonResolver(progress_callback=report), repo_cache=repository, timeout=_TIMEOUT_SECONDS
    )
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    return Path(component.artifact(classifier=artifact.classifier, packaging=artifact.packaging).resolve())


@contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    """A directory on the same file system, so that a rename out of it is atomic; gone afterwards."""
    for left in directory.glob(f"{_PARTIAL}*"):  # by a run that was killed; the lock says that nobody uses it
        shutil.rmtree(left, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=directory))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    """Two stacks starting at once download once."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

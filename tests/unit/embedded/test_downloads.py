"""What is downloaded is what the lock files say, whole and unchanged, or not there at all."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from ates.embedded import StackError, downloads
from ates.embedded.console import Console
from ates.embedded.downloads import Artifact


class Silent:
    def __init__(self) -> None:
        self.begun: list[str] = []

    def begin(self, what: str, files: int, size: int) -> None:
        self.begun.append(f"{what} {files} {size}")

    def advance(self, size: int) -> None: ...
    def end(self) -> None: ...


def artifact(name: str, content: bytes) -> Artifact:
    return Artifact("org.parrot", name, "1.0", "jar", "", hashlib.sha256(content).hexdigest(), len(content))


def serve(monkeypatch: pytest.MonkeyPatch, contents: dict[str, bytes | Exception]) -> list[str]:
    """Stand in for the network, the one thing outside; gives the names asked for."""
    asked = []

    def resolve(wanted: Artifact, repository: Path, _progress: object) -> Path:
        asked.append(wanted.name)
        content = contents[wanted.name]
        if isinstance(content, Exception):
            raise content
        repository.mkdir()
        (repository / wanted.filename).write_bytes(content)
        return repository / wanted.filename

    monkeypatch.setattr(downloads, "_resolve", resolve)
    monkeypatch.setattr(downloads.time, "sleep", lambda _seconds: None)
    return asked


@pytest.mark.parametrize(("lock", "files"), [("kafka.lock", 46), ("registry.lock", 1)])
def test_every_file_of_a_lock_has_a_coordinate_a_checksum_and_a_size(lock: str, files: int) -> None:
    entries = downloads.read_lock(lock)
    assert len(entries) == len({entry.filename for entry in entries}) == files
    assert all(re.fullmatch(r"[0-9a-f]{64}", entry.sha256) and entry.size > 0 for entry in entries)


def test_all_kafka_files_are_of_one_version_from_4_1_on() -> None:
    versions = {entry.version for entry in downloads.read_lock("kafka.lock") if entry.group == "org.apache.kafka"}
    [version] = versions
    assert tuple(map(int, version.split("."))) >= (4, 1)


def test_a_classifier_is_part_of_the_file_name() -> None:
    [registry] = downloads.read_lock("registry.lock")
    assert registry.filename == f"apicurio-registry-app-{registry.version}-all.tar.gz"


def test_what_is_there_already_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, wanted = serve(monkeypatch, {"a": b"aa"}), [artifact("a", b"aa")]
    silent = Silent()
    first = downloads.fetch("parrots", wanted, tmp_path, silent)
    assert downloads.fetch("parrots", wanted, tmp_path, silent) == first == [tmp_path / "a-1.0.jar"]
    assert (asked, silent.begun) == (["a"], ["parrots 1 2"])


def test_a_wrong_checksum_is_refused_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {"a": b"forged"})
    with pytest.raises(StackError, match=r"a-1\.0\.jar: SHA-256 is .* the lock file says"):
        downloads.fetch("parrots", [artifact("a", b"real")], tmp_path, Silent())
    assert list(tmp_path.iterdir()) == []


def test_after_a_failure_only_the_rest_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [artifact("a", b"aa"), artifact("b", b"bb")]
    serve(monkeypatch, {"a": b"aa", "b": ConnectionError("no network")})
    with pytest.raises(
        StackError, match=r"1 of 2 files for parrots could not be downloaded .no connection, ConnectionError"
    ) as failed:
        downloads.fetch("parrots", wanted, tmp_path, Silent())
    assert "\n" not in failed.value.detail
    asked = serve(monkeypatch, {"b": b"bb"})
    downloads.fetch("parrots", wanted, tmp_path, Silent())
    assert asked == ["b"]


def test_a_truncated_file_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a-1.0.jar").write_bytes(b"a")
    asked = serve(monkeypatch, {"a": b"aa"})
    downloads.fetch("parrots", [artifact("a", b"aa")], tmp_path, Silent())
    assert asked == ["a"]


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".partial-x").mkdir()
    serve(monkeypatch, {"a": b"aa"})
    downloads.fetch("parrots", [artifact("a", b"aa")], tmp_path, Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["a-1.0.jar"]


def test_an_interrupt_ends_downloads_at_their_next_bytes() -> None:
    told = Console()
    told.advance(1)
    told.interrupt()
    with pytest.raises(StackError, match="interrupted"):
        told.advance(1)


def test_the_cache_follows_the_xdg_base_directories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert downloads.cache_directory() == tmp_path / "ates"

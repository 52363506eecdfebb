"""A backup is whole or not there, and nothing is overwritten."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ates.embedded import StackError, backup
from ates.embedded.datadir import DataDirectory
from ates.embedded.identity import identity


def silent(_what: str, _done: int, _total: int) -> None: ...


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    data = DataDirectory(tmp_path / "data")
    data.prepare()
    data.write("kept.json", {"stack": "one", "given": {"ATES_SMTP": "mail:25"}})
    (data.path / "kafka" / "log" / "empty").mkdir(parents=True)
    (data.path / "kafka" / "log" / "0.log").write_bytes(b"records")
    (data.path / "kafka" / "log" / "0.timeindex").write_bytes(bytes(100))  # made again from the records
    (data.path / "postgres" / "postmaster.pid").write_text("1")
    (data.path / "faust").mkdir()
    (data.path / "faust" / "table").write_bytes(b"rows")
    return data


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_is_restored_is_what_was_copied_without_what_belongs_to_one_life(
    data: DataDirectory, tmp_path: Path
) -> None:
    made = backup.backup(data, tmp_path / "copy", silent)
    assert made.not_included == ("inbox",)
    restored = DataDirectory(tmp_path / "restored")
    backup.restore(tmp_path / "copy", restored, silent)
    kept = {"FORMAT", "kept.json", "kafka/log/0.log"}
    assert content(restored.path) == {name: value for name, value in content(data.path).items() if name in kept}
    assert (restored.path / "kafka" / "log" / "empty").is_dir()
    assert restored.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("taken", ["copy", "restored"])
def test_nothing_is_overwritten(data: DataDirectory, tmp_path: Path, taken: str) -> None:
    if taken == "restored":
        backup.backup(data, tmp_path / "copy", silent)
    (tmp_path / taken).mkdir()
    (tmp_path / taken / "precious").write_text("mine")
    with pytest.raises(StackError, match="nothing was overwritten"):
        if taken == "copy":
            backup.backup(data, tmp_path / "copy", silent)
        else:
            backup.restore(tmp_path / "copy", DataDirectory(tmp_path / "restored"), silent)
    assert content(tmp_path / taken) == {"precious": b"mine"}


def test_a_backup_that_was_interrupted_or_has_changed_is_refused_by_name(data: DataDirectory, tmp_path: Path) -> None:
    copy, target = tmp_path / "copy", DataDirectory(tmp_path / "restored")
    backup.backup(data, copy, silent)
    (copy / "kafka" / "log" / "0.log").write_bytes(b"recorbs")
    with pytest.raises(StackError, match=r"kafka/log/0.log differs") as damaged:
        backup.restore(copy, target, silent)
    (copy / backup.MANIFEST).unlink()
    with pytest.raises(StackError, match="no complete backup") as incomplete:
        backup.restore(copy, target, silent)
    assert (damaged.value.code, incomplete.value.code) == ("backup_damaged", "no_backup")
    assert not target.path.exists()


def test_a_backup_of_a_newer_version_is_refused(data: DataDirectory, tmp_path: Path) -> None:
    backup.backup(data, tmp_path / "copy", silent)
    manifest = json.loads((tmp_path / "copy" / backup.MANIFEST).read_text())
    (tmp_path / "copy" / backup.MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(StackError, match="newer aTES"):
        backup.restore(tmp_path / "copy", DataDirectory(tmp_path / "restored"), silent)


def test_a_file_that_changes_or_goes_while_it_is_copied_is_as_it_was_when_the_servers_were_held(
    data: DataDirectory, tmp_path: Path
) -> None:
    log = data.path / "kafka" / "log"
    (log / "gone.log").write_bytes(b"deleted later")

    def meanwhile(what: str, done: int, total: int) -> None:
        if what == "copying" and done == total:
            (log / "0.log").write_bytes(b"RECORDS")  # of the same size, within a tick of the clock
            (log / "gone.log").unlink(missing_ok=True)
            (log / "new.log").write_bytes(b"new")

    backup.backup(data, tmp_path / "copy", meanwhile)
    copied = content(tmp_path / "copy")
    assert copied["kafka/log/0.log"] == b"RECORDS"
    assert copied["kafka/log/new.log"] == b"new"
    assert "kafka/log/gone.log" not in copied


SLEEP = "import time; print('up', flush=True); time.sleep(60)"
HOLD = """
import sys, time
from pathlib import Path
from ates.embedded import backup
from ates.embedded.datadir import DataDirectory
with backup._held(DataDirectory(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


def test_servers_that_are_held_go_on_when_the_backup_is_killed(data: DataDirectory) -> None:
    servers = [subprocess.Popen([sys.executable, "-c", SLEEP], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for server in servers:
            assert server.stdout is not None
            server.stdout.readline()
        known = [identity(server.pid) for server in servers]
        data.write("running.json", {"ready": True, "supervisor": known[0], "processes": {"kafka": known[1]}})
        holder = subprocess.Popen([sys.executable, "-c", HOLD, str(data.path)], stdout=subprocess.PIPE)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        states = [psutil.Process(server.pid).status() for server in servers]
        assert states == [psutil.STATUS_STOPPED] * 2
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        deadline = 200
        while psutil.STATUS_STOPPED in [psutil.Process(server.pid).status() for server in servers]:
            assert (deadline := deadline - 1), "somebody is held for ever"
            psutil.wait_procs([], timeout=0.05)
            subprocess.run(["sleep", "0.05"], check=True)
    finally:
        for server in servers:
            server.kill()
            server.wait()

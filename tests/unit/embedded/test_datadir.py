"""The data directory keeps what was chosen, belongs to one supervisor, and is never mistaken for something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from ates.embedded import StackError, datadir
from ates.embedded.datadir import DataDirectory


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    return directory


def test_what_is_written_is_read_back_and_only_by_its_owner(data: DataDirectory) -> None:
    data.write("kept.json", {"ports": {"kafka": 1}})
    assert data.kept() == {"ports": {"kafka": 1}}
    assert (data.path / "kept.json").stat().st_mode & 0o777 == 0o600


def test_a_directory_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(StackError, match="is not empty and holds no aTES data"):
        DataDirectory(tmp_path).prepare()


def test_a_newer_format_is_refused_by_name(data: DataDirectory) -> None:
    (data.path / "FORMAT").write_text("2\n")
    with pytest.raises(StackError, match="has format 2, this aTES knows formats up to 1"):
        data.check()


def test_an_older_format_is_upgraded_when_the_way_is_known(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datadir, "FORMAT", 3)
    with pytest.raises(StackError, match="has format 1, this aTES needs 3 and cannot upgrade it"):
        data.check()
    steps: list[int] = []
    monkeypatch.setattr(datadir, "UPGRADES", {1: lambda _path: steps.append(1), 2: lambda _path: steps.append(2)})
    data.prepare()
    assert steps == [1, 2]
    assert (data.path / "FORMAT").read_text() == "3\n"


def test_only_one_supervisor_has_the_directory(data: DataDirectory) -> None:
    with data.lock() as first:
        with data.lock() as second:
            assert (first, second) == (True, False)
        assert data.is_locked()
    assert not data.is_locked()


def test_reset_never_deletes_a_directory_that_is_not_ours(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="is not an aTES data directory"):
        DataDirectory(tmp_path).delete()
    assert tmp_path.exists()


def test_a_half_written_file_never_replaces_a_whole_one(data: DataDirectory) -> None:
    data.write("kept.json", {"a": 1})
    with pytest.raises(TypeError):
        data.write("kept.json", {"a": object()})
    assert data.kept() == {"a": 1}

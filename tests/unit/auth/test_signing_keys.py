"""Signing keys on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ates.errors import SettingsError
from ates.web.auth import keys


def test_the_first_start_makes_a_current_and_a_next_key_that_nobody_else_can_read(tmp_path: Path) -> None:
    made = keys.load_or_create(tmp_path / "keys")
    file = tmp_path / "keys" / keys.FILE
    assert len(made.document()["keys"]) == 2
    assert file.stat().st_mode & 0o777 == 0o600
    assert not [path for path in file.parent.iterdir() if path != file]


def test_a_restart_finds_the_same_keys(tmp_path: Path) -> None:
    assert keys.load_or_create(tmp_path).document() == keys.load_or_create(tmp_path).document()


def test_keys_that_others_could_read_are_refused(tmp_path: Path) -> None:
    keys.load_or_create(tmp_path)
    (tmp_path / keys.FILE).chmod(0o644)
    with pytest.raises(SettingsError, match="can be read by others"):
        keys.load_or_create(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", '{"keys": []}', '{"keys": [{"kid": "x"}]}', '{"keys": ["x"]}'])
def test_a_file_without_keys_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / keys.FILE
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(SettingsError, match=keys.FILE):
        keys.load_or_create(tmp_path)


def test_the_id_of_a_key_follows_from_the_key(tmp_path: Path) -> None:
    """RFC 8037, appendix A.3: the thumbprint of its example key."""
    example = {"crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert keys.thumbprint(example["x"]) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    made = json.loads((_created(tmp_path)).read_text(encoding="utf-8"))["keys"][0]
    assert made["kid"] == keys.thumbprint(made["x"])


def _created(directory: Path) -> Path:
    keys.load_or_create(directory)
    return directory / keys.FILE

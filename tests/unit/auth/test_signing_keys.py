"""Signing keys: on disk or in a variable, and the next one taking over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ates.domain.errors import Rejected, SettingsError
from ates.platform.settings import Settings
from ates.web.auth import keyring, keys
from ates.web.auth.keyring import PUBLISHED_SECONDS, Keyring
from ates.web.auth.keys import SigningKeys
from ates.web.kit.identity import tokens

ACCOUNT = {"account_id": "e3b7ef1e-7f6f-4a2c-9f0a-0b9f3a1f2c11", "role": "worker", "name": "Polly"}
SID = "0b9f3a1f-2c11-4a2c-9f0a-e3b7ef1e7f6f"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(keys=str(tmp_path / "keys"))


def _file(settings: Settings) -> Path:
    return Path(settings.keys) / keyring.FILE


def _kids(source: Any) -> list[str]:
    return [key["kid"] for key in source.document()["keys"]]


def test_the_first_start_makes_a_current_and_a_next_key_that_nobody_else_can_read(settings: Settings) -> None:
    assert len(_kids(Keyring(settings))) == 2
    assert _file(settings).stat().st_mode & 0o777 == 0o600
    assert _file(settings).parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in Path(settings.keys).iterdir()] == [keyring.FILE]


def test_a_restart_finds_the_same_keys(settings: Settings) -> None:
    assert Keyring(settings).document() == Keyring(settings).document()


def test_keys_that_others_could_read_are_refused(settings: Settings) -> None:
    keyring.load(settings)
    _file(settings).chmod(0o644)
    with pytest.raises(SettingsError, match="can be read by others"):
        keyring.load(settings)


@pytest.mark.parametrize("text", ["", "{}", '{"keys": []}', '{"keys": [{"kid": "x"}]}', '{"keys": ["x"]}'])
def test_a_file_without_keys_is_refused_by_name(settings: Settings, text: str) -> None:
    keyring.load(settings)
    _file(settings).write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=keyring.FILE):
        keyring.load(settings)


def test_keys_may_come_in_a_variable_where_there_is_no_disk() -> None:
    made = keyring.new_set()
    settings = Settings(signing_keys=keyring.as_text(made))
    assert _kids(Keyring(settings)) == [key["kid"] for key in made]
    assert made[0]["d"] not in repr(settings)
    with pytest.raises(SettingsError, match="ATES_SIGNING_KEYS"):
        Keyring(Settings(signing_keys="{}"))


def test_the_id_of_a_key_follows_from_the_key() -> None:
    """RFC 8037, appendix A.3: the thumbprint of its example key."""
    example = {"crv": "Ed25519", "kty": "OKP", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert keys.thumbprint(example["x"]) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    made = keys.generate()
    assert made["kid"] == keys.thumbprint(made["x"])


def test_a_rotation_lets_the_next_key_sign_and_keeps_the_old_one_until_its_last_token_has_expired() -> None:
    first, second = keyring.new_set()
    now = 1_800_000_000
    after = keyring.rotated([first, second], now)
    assert [key["kid"] for key in after] == [second["kid"], after[1]["kid"], first["kid"]]
    assert after[1]["published"] == now
    last_token = now + keyring.RELOAD_SECONDS + tokens.LIFETIME_SECONDS + tokens.LEEWAY_SECONDS
    assert not keys.ended(after[2], last_token)
    assert keys.ended(after[2], last_token + 60)
    later = keyring.rotated(after, now + 3600)
    assert [key["kid"] for key in later] == [after[1]["kid"], later[1]["kid"], second["kid"]]


def test_a_key_does_not_sign_before_everybody_could_fetch_it() -> None:
    now = 1_800_000_000
    once = keyring.rotated(keyring.new_set(), now)
    with pytest.raises(Rejected, match="in 120 seconds"):
        keyring.rotated(once, now)
    assert keyring.rotated(once, now + PUBLISHED_SECONDS)


async def test_a_running_auth_signs_with_the_rotated_key_and_still_knows_the_old_one(settings: Settings) -> None:
    running = Keyring(settings)
    before = running.access_token(**ACCOUNT, sid=SID)
    first, second = _kids(running)
    keyring.rotate(settings)
    running._reload()
    assert [*_kids(running)[:1], *_kids(running)[2:]] == [second, first]
    for token in (before, running.access_token(**ACCOUNT, sid=SID)):
        assert await tokens.verify(token, running) is not None


async def test_a_key_whose_tokens_have_all_expired_is_not_published_and_not_believed() -> None:
    current, following, old = keys.generate(), keys.generate(), {**keys.generate(), "until": 1}
    ring = SigningKeys([current, following, old])
    assert _kids(ring) == [current["kid"], following["kid"]]
    assert await ring.key(old["kid"]) is None


def test_two_rotations_at_once_are_one(settings: Settings) -> None:
    keyring.rotate(settings)
    with pytest.raises(Rejected):
        keyring.rotate(settings)
    assert len(json.loads(_file(settings).read_text(encoding="utf-8"))["keys"]) == 3


def test_an_unreadable_rotation_leaves_the_running_auth_with_its_keys(settings: Settings) -> None:
    running = Keyring(settings)
    before = _kids(running)
    _file(settings).write_text("{", encoding="utf-8")
    with pytest.raises(SettingsError):
        running._reload()
    assert _kids(running) == before

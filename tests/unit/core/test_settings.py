"""Settings come from three layers and fail by name."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ates.domain.errors import SettingsError
from ates.platform.settings import load, names, require


def loaded(tmp_path: Path, process: str = "", **variables: str):
    return load(process, {"ATES_DATA": str(tmp_path), **variables})


def test_what_nobody_set_has_its_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert (settings.host, settings.partitions, settings.timezone) == ("127.0.0.1", 4, ZoneInfo("UTC"))


def test_an_unknown_setting_is_refused_by_name_with_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ATES_KAFKKA: no such setting \(did you mean ATES_KAFKA\?\)"):
        loaded(tmp_path, ATES_KAFKKA="127.0.0.1:9092")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ATES_PARTITIONS", "four", "invalid literal"),
        ("ATES_PARTITIONS", "0", "1 or more"),
        ("ATES_PORT", "70000", "a port is 0 to 65535"),
        ("ATES_TIMEZONE", "Mars/Olympus", "IANA"),
        ("ATES_TIMEZONE", "../etc/passwd", "IANA"),
        ("ATES_REGISTRY", "registry:8080", "http://"),
        ("ATES_LOG", "xml", "console, json"),
        ("ATES_DEMO", "yes", "0, 1"),
        ("ATES_KAFKA_SECURITY", "TLS", "SASL_SSL"),
        ("ATES_MAIL_FROM", "payouts", "payouts@example.org"),
    ],
)
def test_a_malformed_value_is_refused_by_name_with_the_reason(
    tmp_path: Path, name: str, value: str, reason: str
) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        loaded(tmp_path, **{name: value})
    assert reason in refused.value.detail


def test_no_secret_is_shown_in_a_complaint_or_in_the_settings_themselves(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, ATES_POSTGRES="mysql://ates:hunter2@db/ates")
    assert "hunter2" not in refused.value.detail
    settings = loaded(tmp_path, ATES_POSTGRES="postgresql://ates:hunter2@db/ates", ATES_KAFKA_PASSWORD="hunter3")
    assert "hunter" not in repr(settings)


def test_a_process_started_by_hand_finds_the_running_stack_and_the_environment_still_wins(tmp_path: Path) -> None:
    stack = {
        "env": {"ATES_KAFKA": "127.0.0.1:1", "ATES_TIMEZONE": "Europe/Prague"},
        "processes": {"worker.views": {"ATES_POSTGRES": "postgresql://views@127.0.0.1/ates"}},
    }
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    settings = loaded(tmp_path, "worker.views", ATES_TIMEZONE="Asia/Tokyo")
    assert settings.kafka == "127.0.0.1:1"
    assert settings.postgres == "postgresql://views@127.0.0.1/ates"
    assert settings.timezone == ZoneInfo("Asia/Tokyo")
    assert loaded(tmp_path, "worker.tasks").postgres == ""


def test_a_stack_file_that_is_not_json_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(SettingsError, match=r"stack\.json is not JSON"):
        loaded(tmp_path)


def test_a_setting_that_a_process_needs_is_asked_for_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ATES_KAFKA is not set"):
        require(loaded(tmp_path), "kafka")


def test_every_setting_has_a_line_of_help() -> None:
    assert all(names().values())

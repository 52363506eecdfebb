"""Secrets from mounted files, and names that Kubernetes injects."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path

import pytest

from ates.domain.errors import SettingsError, Unavailable
from ates.platform import access, tokens
from ates.platform.db import roles
from ates.platform.settings import load, parse

INJECTED = {
    "ATES_REGISTRY_SERVICE_HOST": "10.0.0.1",
    "ATES_REGISTRY_SERVICE_PORT": "8080",
    "ATES_REGISTRY_SERVICE_PORT_HTTP": "8080",
    "ATES_REGISTRY_PORT": "tcp://10.0.0.1:8080",
    "ATES_REGISTRY_PORT_8080_TCP": "tcp://10.0.0.1:8080",
    "ATES_REGISTRY_PORT_8080_TCP_PROTO": "tcp",
    "ATES_REGISTRY_PORT_8080_TCP_PORT": "8080",
    "ATES_REGISTRY_PORT_8080_TCP_ADDR": "10.0.0.1",
    "ATES_SERVICE_HOST": "10.0.0.2",
    "ATES_PORT": "tcp://10.0.0.2:80",
    "ATES_PORT_80_TCP": "tcp://10.0.0.2:80",
    "ATES_WEB_TASKS_PORT_53_UDP_ADDR": "10.0.0.3",
}


def test_what_kubernetes_says_of_services_is_no_setting(tmp_path: Path) -> None:
    assert load("", {"ATES_DATA": str(tmp_path), **INJECTED}) == load("", {"ATES_DATA": str(tmp_path)})


@pytest.mark.parametrize("name", ["ATES_REGISTRI_PORT", "ATES_SERVICE", "ATES_PORT_80"])
def test_a_setting_that_only_looks_like_it_is_still_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load("", {"ATES_DATA": str(tmp_path), name: "80"})


@pytest.mark.parametrize("name", ["ATES_KAFKA_PASSWORD", "ATES_REGISTRY_PASSWORD", "ATES_SMTP_PASSWORD"])
def test_a_secret_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret \n")
    found = load("", {"ATES_DATA": str(tmp_path), f"{name}_FILE": str(file)})
    assert getattr(found, name.removeprefix("ATES_").lower()) == "s3cret "


def test_a_url_with_a_password_may_too_and_is_parsed_as_any(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("mysql://x:hunter2@y")
    with pytest.raises(SettingsError, match="ATES_POSTGRES") as refused:
        load("", {"ATES_DATA": str(tmp_path), "ATES_POSTGRES_FILE": str(file)})
    assert "hunter2" not in refused.value.detail


def test_the_passwords_of_roles_and_users_may_too(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret")
    assert roles.passwords({"ATES_DB_PASSWORD_AUTH_FILE": str(file)}) == {"ates_auth": "s3cret"}
    assert access.passwords({"ATES_KAFKA_PASSWORD_WORKER_TASKS_FILE": str(file)}) == {"worker.tasks": "s3cret"}
    load("", {"ATES_DATA": str(tmp_path), "ATES_DB_PASSWORD_AUTH_FILE": str(file)})


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"ATES_KAFKA_PASSWORD_FILE": "/nowhere/at/all"}, "No such file"),
        ({"ATES_KAFKA_PASSWORD_FILE": __file__, "ATES_KAFKA_PASSWORD": "x"}, "both set"),
        ({"ATES_KAFKA_USERNAME_FILE": __file__}, "no such setting"),
    ],
)
def test_a_file_that_cannot_be_is_refused_by_name(tmp_path: Path, variables: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsError, match=f"ATES_KAFKA.*{reason}"):
        load("", {"ATES_DATA": str(tmp_path), **variables})


def test_a_token_comes_from_a_file_or_a_command_and_says_when_it_expires(tmp_path: Path) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 2_000_000_000}).encode()).decode().rstrip("=")
    file = tmp_path / "token"
    file.write_text(f"head.{claims}.\n")
    assert tokens.renewed(parse({"ATES_KAFKA_TOKEN_FILE": str(file)})) == (f"head.{claims}.", 2e9)
    command = f"{sys.executable} -c 'print(40 + 2)'"
    text, expires = tokens.renewed(parse({"ATES_KAFKA_TOKEN_COMMAND": command}))
    assert text == "42"
    assert 0 < expires - time.time() <= tokens.LIFE_SECONDS


@pytest.mark.parametrize("command", ["false", "/nowhere/at/all", "'unfinished"])
def test_a_command_that_gives_no_token_is_an_outage_by_name(command: str) -> None:
    with pytest.raises(Unavailable, match="ATES_KAFKA_TOKEN_COMMAND") as away:
        tokens.token(parse({"ATES_KAFKA_TOKEN_COMMAND": command}))
    assert away.value.code == "token_unavailable"

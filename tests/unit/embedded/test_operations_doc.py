"""docs/operations.md tells the truth about settings and options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ates.cli import stack
from ates.platform import access, settings
from ates.platform.db.roles import PASSWORD_PREFIX

TEXT = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
GIVEN_TO_ONE_COMMAND = (PASSWORD_PREFIX, access.PASSWORD_PREFIX)
TABLE = re.findall(r"^\| (`ATES_.*?) \|", TEXT, re.M)
FILES = {"ATES_KAFKA_PASSWORD_FILE"}
IN_COMPOSE = {"ATES_POSTGRES_PASSWORD", "ATES_GATEWAY_PORT", "ATES_INBOX_PASSWORD", "ATES_INBOX_PORT"}


def test_every_setting_has_a_row_and_every_row_is_a_setting() -> None:
    assert set(re.findall(r"ATES_\w+", " ".join(TABLE))) == set(settings.names())


def test_no_variable_is_named_that_does_not_exist() -> None:
    known = set(settings.names()) | IN_COMPOSE | FILES
    named = {name for name in re.findall(r"\bATES_[A-Z_]+\b", TEXT) if not name.startswith(GIVEN_TO_ONE_COMMAND)}
    assert named - known - {"ATES_"} == set()


@pytest.mark.parametrize("name", [option for one in (stack.up,) for o in one.params for option in o.opts])
def test_every_option_of_up_is_told_of(name: str) -> None:
    hidden = {opt for option in stack.up.params if getattr(option, "hidden", False) for opt in option.opts}
    assert name in TEXT or name in hidden


def test_the_loop_that_writes_the_secrets_of_compose_finds_each() -> None:
    """Every variable of docker-compose.yml that has no default."""
    file = (Path(__file__).parents[3] / "docker-compose.yml").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -oE '(.*?)' docker-compose.yml", TEXT)
    found = {
        name.rstrip(":?") for name in re.findall(pattern.replace("(PASSWORD|SECRET)", "(?:PASSWORD|SECRET)"), file)
    }
    assert found == set(re.findall(r"\$\{(\w+):\?", file))

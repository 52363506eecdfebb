"""No text breaks a parser: a position, a cursor, a setting, an argument. Requests: `test_api_fuzz`."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ates.cli.main import cli
from ates.domain.errors import AtesError
from ates.platform.settings import names, parse
from ates.tools.topics.positions import parse_positions, parse_start
from ates.web.kit.pages import cursors

from . import values


@settings(max_examples=500, deadline=None, database=None)
@given(values.texts)
def test_every_text_is_a_position_or_refused(text: str) -> None:
    for parser in (
        lambda: parse_start(text, ZoneInfo("Europe/Prague"), datetime.now(UTC)),
        lambda: parse_positions(text),
    ):
        with contextlib.suppress(AtesError):
            parser()


@settings(max_examples=500, deadline=None, database=None)
@given(st.one_of(values.texts, values.json_values.map(lambda value: cursors.encode([json.dumps(value)]))))
def test_every_text_is_a_cursor_or_refused(text: str) -> None:
    for types in ((cursors.text,), (cursors.number,), (cursors.moment, cursors.text)):
        with contextlib.suppress(AtesError):
            cursors.decode(text, *types)


@settings(max_examples=500, deadline=None, database=None)
@given(st.sampled_from(sorted(names())), values.texts)
def test_every_text_is_a_setting_or_refused(name: str, text: str) -> None:
    try:
        parse({name: text})
    except AtesError as error:
        assert name in error.detail


@pytest.mark.parametrize("arguments", [
    ["topics", "tail", "tasks.events", "--from=-999999d"], ["topics", "tail", "\udcff"],
    ["topics", "tail", "tasks.events", "--partition=99999999999"], ["tables", "get", "tasks", "\udcff"],
    ["accounting", "close-day", "--wait", "nan"], ["accounting", "close-day", "--wait=-1"],
    ["accounting", "close-day", "0000-01-01"], ["dlq", "show", "x", f"--limit={10**30}"],
])  # fmt: skip
def test_wrong_arguments_are_wrong_usage(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli, arguments)
    assert (done.exit_code, type(done.exception)) == (2, SystemExit), done.output

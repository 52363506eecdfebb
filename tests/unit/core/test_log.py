"""One log for people and for machines; a line about a record says where it lies."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog

from ates.platform import log
from ates.platform.settings import load

PLACE = {"topic": "tasks.commands", "partition": 3, "offset": 41, "event_id": "e-1"}


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def written(capsys: pytest.CaptureFixture[str], form: str) -> str:
    log.configure(replace(load("", {}), log=form), "worker.tasks")
    logging.getLogger("ates.streams").warning("dead letter: %s", "not_framed", extra=PLACE)
    return capsys.readouterr().err


def test_a_machine_reads_the_place_of_a_record_as_fields(capsys: pytest.CaptureFixture[str]) -> None:
    line = json.loads(written(capsys, "json"))
    assert line["event"] == "dead letter: not_framed"
    assert line["service"] == "worker.tasks"
    assert PLACE.items() <= line.items()


def test_a_person_reads_the_same_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = written(capsys, "console")
    assert "dead letter: not_framed" in line
    assert "offset=41" in line
    assert "topic=tasks.commands" in line


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_local_variable(capsys: pytest.CaptureFixture[str], form: str) -> None:
    log.configure(replace(load("", {}), log=form), "worker.tasks")
    password = "hunter2"
    try:
        raise ValueError(len(password))
    except ValueError:
        logging.getLogger("ates").exception("it failed")
    seen = capsys.readouterr().err
    assert "ValueError" in seen
    assert password not in seen


def test_a_client_says_once_a_minute_that_a_broker_is_away() -> None:
    repeated = log.Repeated()

    def passes(seconds: float, *args: object, name: str = "aiokafka", msg: str = "no connection to %s: %s") -> bool:
        record = logging.LogRecord(name, logging.ERROR, "", 0, msg, args, None)
        record.created = seconds
        return repeated.filter(record)

    said = [passes(seconds / 10, 1, f"refused, port {seconds}") for seconds in range(1300)]
    assert said.count(True) == 3, "at once, and after each minute"
    assert passes(1.0, 2, "refused"), "another broker"
    assert passes(1.0, 1, msg="no metadata from %s"), "another trouble"
    assert passes(1.0), "a line without arguments"
    assert all(passes(1.0, "task 1", name="ates.streams") for _ in range(2)), "our own lines are all read"

"""A lab is only where somebody cannot be hurt: in a demo, with servers of its own, reached from this machine alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from test_processes import plan

from ates.domain.errors import Rejected
from ates.embedded.lab import _seconds, _target
from ates.embedded.processes import lab_socket, table
from ates.tools.lab.control import SOCKET, control


def told(made: Any) -> str:
    """The socket that the topics front end is told of."""
    (topics,) = [entry for entry in table(made) if entry.id == "web.topics"]
    return str(topics.env.get("ATES_LAB", ""))


def test_a_demo_on_this_machine_has_one() -> None:
    made = replace(plan(), history="demo")
    assert lab_socket(made) == made.data.path / SOCKET
    assert told(made) == str(made.data.path / SOCKET)


@pytest.mark.parametrize(
    "given",
    [
        {"ATES_GATEWAY": "https://ates.example"},
        {"ATES_GATEWAY": "http://192.0.2.1:8080"},
        {"ATES_KAFKA": "kafka.example:9092"},
        {"ATES_POSTGRES": "postgresql://db.example/ates"},
    ],
)
def test_what_others_reach_or_use_has_none(given: dict[str, str]) -> None:
    made = replace(plan(), history="demo", given=given)
    assert (lab_socket(made), told(made)) == (None, "")


def test_a_company_that_is_no_demo_has_none() -> None:
    made = replace(plan(), history="empty")
    assert (lab_socket(made), told(made)) == (None, "")


def test_an_unknown_fault_process_or_length_is_refused() -> None:
    with pytest.raises(Rejected, match="none of kill-worker"):
        _target("explode", "")
    with pytest.raises(Rejected, match=r"not for 'web\.auth'"):
        _target("kill-worker", "web.auth")
    for text in ("nan", "inf", "-1", "31"):
        with pytest.raises(ValueError, match="from 0 to"):
            _seconds(text)


async def test_without_a_lab_its_absence_is_said() -> None:
    with pytest.raises(Rejected) as refused:
        async with control(""):
            pass
    assert refused.value.code == "no_lab"

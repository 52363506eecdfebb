"""The status page says in its headline what does not work."""

from __future__ import annotations

import pytest

from ates.web.topics.status import Process, Status

READY, AWAY = (
    Process("worker.tasks", "127.0.0.1:1", True, ""),
    Process("worker.views", "127.0.0.1:2", False, "no answer"),
)
KNOWN = {"tasks.events-TaskCreated": 2}


@pytest.mark.parametrize(
    ("status", "headline"),
    [
        (Status([READY], [], KNOWN), "The whole flock is ready"),
        (Status([READY, AWAY], [], KNOWN), "1 process not ready"),
        (Status([READY], [], None), "The schema registry does not answer"),
        (Status([AWAY, AWAY], [], None), "2 processes not ready, The schema registry does not answer"),
        (Status([READY], [], {**KNOWN, "tasks.events-TaskGone": 0}), "1 subject not registered"),
        (Status([], [], KNOWN), "Nobody to ask"),
    ],
)
def test_nothing_is_well_while_something_is_away(status: Status, headline: str) -> None:
    assert status.headline == headline

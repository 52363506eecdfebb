"""How long nothing was decided while a broker was away, and how long a command took."""

from __future__ import annotations

from typing import Any

import pytest

from .brokers import Window, gap, p99
from .load import Load

AWAY = Window("killed broker 1", 100.0, 130.0)


def load(*commands: tuple[float, float]) -> Load:
    nobody: Any = None
    found = Load(nobody, 20.0)
    found.asked_at, found.decided_at = [asked for asked, _ in commands], [decided for _, decided in commands]
    return found


def test_the_gap_is_the_longest_time_without_a_decision_edges_included() -> None:
    assert gap(AWAY, [90.0, 101.0, 111.5, 129.0, 140.0]) == 17.5
    assert gap(AWAY, [125.0]) == 25.0
    assert gap(AWAY, [90.0, 140.0]) == 30.0


def test_the_p99_is_of_commands_that_were_sent_meanwhile() -> None:
    quick, slow = [(100.0 + n / 10, 100.1 + n / 10) for n in range(100)], [(105.0, 117.0)]
    assert p99(AWAY, load(*quick, (90.0, 129.0))) == pytest.approx(0.1)
    assert p99(AWAY, load(*quick, *slow * 3)) == pytest.approx(12.0)
    assert str(p99(AWAY, load())) == "nan"

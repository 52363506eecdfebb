"""The benchmark of recovery, with a hundredth of its rows: everything is restored once, and from then on kept."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bench.recovery import Scene, measure

pytestmark = pytest.mark.stack

ROWS = 10_000
POSITIONS = 4


def restored(scene: Scene) -> int:
    """Entries read from changelogs so far, as the worker's log tells."""
    return sum(int(count.replace(",", "")) for count in re.findall(r"restored ([\d,]+) entries", scene.log()))


def test_a_worker_reads_its_changelogs_once_and_then_only_what_is_new(stack: Any) -> None:
    scene = Scene(stack.said["kafka"], ROWS)
    scene.ready()
    assert restored(scene) == ROWS + POSITIONS
    scene.ready()
    assert restored(scene) == ROWS + POSITIONS
    scene.ready("memory")
    assert restored(scene) == 2 * (ROWS + POSITIONS)


def test_the_benchmark_gives_all_its_figures(stack: Any) -> None:
    found = measure(stack.said["kafka"], ROWS)
    assert found.pop("rows") == ROWS
    assert found.keys() == {"after_kill_small", "empty_disk", "entries_per_second", "local_disk", "memory"}

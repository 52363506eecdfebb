"""What counts as flat, and how long a pause is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from .chart import draw
from .samples import Sample, longest_pause
from .verdict import series

STEADY = Sample(60.0, {"worker.tasks": 80.0}, {"worker.tasks": 40}, {"worker.tasks": 9}, 1.0, 5, 600, 0.4)


def run_of(of_step: Callable[[int], Sample], steps: int = 40) -> set[str]:
    """What of a run was found not to be flat."""
    return {one.kind for one in series([of_step(step) for step in range(steps)]) if not one.flat}


def test_what_stays_the_same_is_flat() -> None:
    assert run_of(lambda _: STEADY) == set()


def test_what_only_rises_while_it_warms_up_is_flat() -> None:
    assert run_of(lambda step: replace(STEADY, memory={"worker.tasks": min(40.0 + 8 * step, 120.0)})) == set()


@pytest.mark.parametrize(
    ("kind", "growing"),
    [
        ("memory", lambda step: replace(STEADY, memory={"worker.tasks": 80.0 + step})),
        ("files", lambda step: replace(STEADY, files={"worker.tasks": 40 + step})),
        ("threads", lambda step: replace(STEADY, threads={"worker.tasks": 9 + step // 5})),
        ("lag", lambda step: replace(STEADY, lag=5 + 10 * step)),
        ("pause", lambda step: replace(STEADY, pause=0.4 + step / 2)),
        ("tables", lambda step: replace(STEADY, tables=1.0 + step**2, tasks=600 * (step + 1))),
    ],
)
def test_what_grows_all_the_time_is_named(kind: str, growing: Callable[[int], Sample]) -> None:
    assert run_of(growing) == {kind}


def test_tables_may_grow_with_the_rows_in_them() -> None:
    assert run_of(lambda step: replace(STEADY, tables=1.0 + step, tasks=600 * (step + 1))) == set()


@pytest.mark.parametrize(
    ("decided_at", "seconds"),
    [([], 10.0), ([101.0, 102.0, 109.0], 7.0), ([104.0], 6.0), ([109.0, 101.0, 105.0], 4.0), ([90.0], 10.0)],
)
def test_a_pause_counts_from_decision_to_decision_and_as_far_as_it_has_come(
    decided_at: list[float], seconds: float
) -> None:
    assert longest_pause(decided_at, 100.0, 110.0) == seconds


def test_the_picture_shows_each_process_and_colours_what_grew() -> None:
    run = [replace(STEADY, files={"worker.tasks": 40 + step}) for step in range(40)]
    drawn = ElementTree.fromstring(draw(list(series(run)), [0.5], 2.0))  # noqa: S314 (our own)
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "worker.tasks" in texts
    assert "lag" in texts
    lines = [element.get("class") for element in drawn.iter("{http://www.w3.org/2000/svg}polyline")]
    assert lines.count("grew") == 1
    assert len(lines) == 6

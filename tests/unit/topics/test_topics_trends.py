"""Lag and rate over the last hour: an hour is kept, gaps stay gaps, and every value stands in the picture."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ates.tools.topics.overview import Partition, Reader, Topic
from ates.tools.topics.trends import EVERY_SECONDS, HOUR, Look, Trends, look_of
from ates.web.kit.pages.lines import HEIGHT, WIDTH, lines, spark

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def look(seconds: float, end: int = 0, lag: int = 0) -> Look:
    return Look(NOON + timedelta(seconds=seconds), {"tasks.events": end}, {("tasks.events", "views"): lag})


def trends(*looks: Look) -> Trends:
    found = Trends()
    for each in looks:
        found.add(each)
    return found


def test_a_look_adds_partitions_up() -> None:
    topic = Topic(
        "tasks.events", "records",
        [Partition(0, 0, 10, None, 0), Partition(1, 5, 30, None, 0)],
        [Reader("views", "stable", {0: 8}, {0: 2, 1: 1})],
    )  # fmt: skip
    assert look_of(NOON, [topic]) == look(0, 40, 3)


def test_the_rate_is_what_came_between_two_looks() -> None:
    rate = trends(look(0, 100), look(30, 160), look(60, 160)).rate("tasks.events")
    assert [(point.at, point.value) for point in rate] == [
        (NOON + timedelta(seconds=30), 2.0),
        (NOON + timedelta(seconds=60), 0.0),
    ]
    assert trends(look(0)).rate("tasks.events") == []
    assert trends(look(0), look(30)).rate("nothing") == []


def test_a_topic_that_was_made_anew_has_no_rate_below_zero() -> None:
    (point,) = trends(look(0, 100), look(30, 2)).rate("tasks.events")
    assert point.value == 0


def test_while_nobody_looked_there_is_a_gap() -> None:
    found = trends(look(0, 0, 1), look(30, 30, 2), look(630, 90, 3))
    assert [point.value for point in found.rate("tasks.events")] == [1.0, None]
    assert [point.value for point in found.lags_of_topic("tasks.events")["views"]] == [1, 2, None, 3]
    assert found.lags_of_group("views")["tasks.events"] == found.lags_of_topic("tasks.events")["views"]


def test_an_hour_is_kept_and_no_more() -> None:
    every = [look(number * EVERY_SECONDS, number) for number in range(300)]
    found = trends(*every)
    points = found.lags_of_group("views")["tasks.events"]
    assert found.since == every[-1].at - HOUR
    assert len(points) == HOUR.total_seconds() / EVERY_SECONDS + 1


VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1e9)), max_size=130)


@given(VALUES)
def test_every_value_stands_in_the_picture_and_a_greater_one_not_lower(values: list[float | None]) -> None:
    moments = [NOON + timedelta(seconds=30 * number) for number in range(len(values))]
    drawn = lines(list(zip(moments, values, strict=True)), NOON, NOON + HOUR * 1.1)
    points = [_points(path) for path in drawn.paths]
    known = [value for value in values if value is not None]
    found = [point for path in points for point in path]
    assert len(found) == len(known)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found)
    ordered = [y for _, (_, y) in sorted(zip(known, found, strict=True), key=lambda pair: pair[0])]
    assert all(higher >= lower for higher, lower in pairwise(ordered))
    assert 2 <= len(drawn.grid) <= 5
    assert drawn.zero == drawn.grid[0][0]
    small = spark(list(zip(moments, values, strict=True)), NOON, NOON + HOUR * 1.1, 90, 20)
    assert len(small) == len(drawn.paths)


def _points(path: str) -> list[tuple[float, float]]:
    pairs = path.removeprefix("M").partition("h")[0].split("L")
    return [(float(x), float(y)) for x, y in (pair.split() for pair in pairs)]


def test_a_value_that_stands_alone_can_be_seen() -> None:
    (path,) = lines([(NOON, 1.0)], NOON, NOON + HOUR).paths
    assert "h" in path

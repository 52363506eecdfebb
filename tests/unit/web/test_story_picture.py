"""The story as a graph: every record once, below its cause, with the time between; whatever the headers claim."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ates.tools.topics.decoding import Decoded
from ates.tools.topics.records import Record
from ates.tools.topics.rows import Row
from ates.tools.topics.story import Story
from ates.web.topics.picture import EFFECTS_MAX, Picture, later, picture


def record(
    id: str, cause: str = "", *, topic: str = "tasks.events", offset: int = 0, at_ms: int | None = 1000
) -> Record:
    headers = [("ce_id", id.encode()), ("ce_type", f"ates.tasks.{id.title()}".encode())]
    if cause:
        headers.append(("ce_causationid", cause.encode()))
    return Record(topic, 0, offset, at_ms, "create", None, list(headers), b"", Decoded("text", ""))


def titles(drawn: Picture) -> list[str]:
    return [box.title for box in drawn.boxes]


def test_a_command_stands_left_of_its_event_and_the_arrow_says_how_much_later_it_came() -> None:
    asked = record("create", topic="tasks.commands", offset=1, at_ms=1000)
    made = record("created", "create", offset=2, at_ms=1012)
    drawn = picture(made, Story([asked], [], [], 2, True), [], {})
    command, event = drawn.boxes
    assert (command.kind, command.subtitle, event.kind, event.here) == ("command", "tasks.commands 0:1", "event", True)
    assert command.x < event.x
    assert drawn.columns == 2
    assert [arrow.label for arrow in drawn.arrows] == ["+12 ms"]


def test_rows_and_pages_hang_on_the_record_that_changed_them() -> None:
    changelog = record("row", topic="tasks-tasks-changelog", offset=9, at_ms=1003)
    rows = [Row("tasks", changelog, own=True), Row("tasks", record("other", offset=10), own=False)]
    drawn = picture(record("created"), Story([], [], [], 1, True), rows, {"the task": "/tasks/1"})
    assert titles(drawn) == ["Created", "row of tasks", "the task"]
    assert [box.href for box in drawn.boxes[1:]] == ["/topics/tasks-tasks-changelog/0/9", "/tasks/1"]


def test_more_effects_than_can_be_drawn_are_counted() -> None:
    effects = [record(f"e{n}", "shuffle", offset=n + 1) for n in range(EFFECTS_MAX + 30)]
    drawn = picture(record("shuffle"), Story([], effects, [], 40, True), [], {})
    assert titles(drawn)[-1] == "and 30 more"
    assert len(drawn.boxes) == 1 + EFFECTS_MAX + 1


def test_records_without_a_time_have_arrows_without_one() -> None:
    drawn = picture(record("a"), Story([], [record("b", "a", offset=1, at_ms=None)], [], 1, True), [], {})
    assert [arrow.label for arrow in drawn.arrows] == [""]


def test_times_are_short() -> None:
    assert [later(ms) for ms in (0, 999, -3, 1500, 90_000)] == ["+0 ms", "+999 ms", "−3 ms", "+1.5 s", "+2 min"]


IDS = st.sampled_from("abcdef")


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=12), st.data())
def test_no_headers_make_a_record_appear_twice_or_boxes_overlap(
    claims: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Anybody can write headers: ids come twice, and causes go in circles."""
    records = [record(id, cause, offset=n) for n, (id, cause) in enumerate(claims)]
    own = data.draw(st.integers(0, len(records) - 1))
    drawn = picture(records[own], Story([], [], [r for n, r in enumerate(records) if n != own], 9, True), [], {})
    assert sum(box.here for box in drawn.boxes) == 1
    places = [(box.x, box.y) for box in drawn.boxes]
    assert len(set(places)) == len(places)
    shown = [box.href for box in drawn.boxes if box.href]
    assert len(set(shown)) == len(shown)
    assert all(box.x < drawn.width and box.y < drawn.height for box in drawn.boxes)

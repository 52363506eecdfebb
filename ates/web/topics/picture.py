"""The story of a record as a graph for an inline SVG: causes at the left, effects at the right. Pure.

A box for each record, for each row that it changed and for each page that shows it. An arrow leads from a cause to its
effect, and says how much later the effect was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ates.tools.topics.records import Record
from ates.tools.topics.rows import Row
from ates.tools.topics.story import Story

BOX_WIDTH, BOX_HEIGHT = 196, 46
_COLUMN, _LINE, _MARGIN = BOX_WIDTH + 84, BOX_HEIGHT + 16, 4
# Effects of one record that are drawn; the tables below the picture have all of them.
EFFECTS_MAX = 6
_TITLE_MAX, _SUBTITLE_MAX = 20, 30


@dataclass(slots=True)
class Box:
    """kind: command, event, letter, row, page or more; x, y: its upper left corner"""

    kind: str
    title: str
    subtitle: str
    href: str = ""
    here: bool = False
    milliseconds: int | None = None
    effects: list[Box] = field(default_factory=list)
    x: int = 0
    y: int = 0


@dataclass(frozen=True, slots=True)
class Arrow:
    """path: of an SVG path, from the right side of the cause to the left side of the effect; label: at (x, y)"""

    path: str
    label: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes in reading order, arrows, and the size of the whole."""

    boxes: list[Box]
    arrows: list[Arrow]
    width: int
    height: int
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT

    @property
    def columns(self) -> int:
        """How many boxes stand beside each other at most."""
        return max(box.x for box in self.boxes) // _COLUMN + 1


def picture(record: Record, story: Story, rows: Sequence[Row], pages: Mapping[str, str]) -> Picture:
    """The graph of `record`; `rows` are the rows that it changed, `pages` are labels with addresses."""
    roots = _forest(record, story)
    here = next(box for root in roots for box in _all(root) if box.here)
    here.effects += [_row_box(row, here.milliseconds) for row in rows if row.own]
    here.effects += [Box("page", label, "page", href) for label, href in pages.items()]
    for root in roots:
        for box in list(_all(root)):
            _shorten(box)
    line = 0
    for root in roots:
        line = _place(root, 0, line)
    boxes = [box for root in roots for box in _all(root)]
    return Picture(
        boxes,
        [_arrow(cause, effect) for cause in boxes for effect in cause.effects],
        max(box.x for box in boxes) + BOX_WIDTH + _MARGIN,
        max(box.y for box in boxes) + BOX_HEIGHT + _MARGIN,
    )


def later(milliseconds: int) -> str:
    """How much later an effect was written than its cause: clocks of two senders may make it earlier."""
    sign = "−" if milliseconds < 0 else "+"
    size = abs(milliseconds)
    if size < 1_000:
        return f"{sign}{size} ms"
    return f"{sign}{size / 1_000:.1f} s" if size < 60_000 else f"{sign}{size / 60_000:.0f} min"


def _forest(record: Record, story: Story) -> list[Box]:
    """Every record of the story below the record that caused it; those without a known cause are roots."""
    found = {one.at: one for one in (*story.causes, record, *story.caused, *story.others)}
    boxes = {at: _record_box(one, here=at == record.at) for at, one in found.items()}
    by_id = {one.header("ce_id"): at for at, one in reversed(found.items()) if one.header("ce_id")}
    roots = []
    for at, one in found.items():
        cause = by_id.get(one.header("ce_causationid"))
        if cause is None or _leads_to(found, by_id, cause, at):
            roots.append(boxes[at])
        else:
            boxes[cause].effects.append(boxes[at])
    return roots


def _leads_to(found: Mapping[str, Record], by_id: Mapping[str, str], at: str, target: str) -> bool:
    """Whether `target` is among the causes of `at`: headers may claim a circle."""
    seen: set[str] = set()
    cause: str | None = at
    while cause is not None and cause not in seen:
        if cause == target:
            return True
        seen.add(cause)
        cause = by_id.get(found[cause].header("ce_causationid"))
    return cause is not None


def _record_box(one: Record, *, here: bool) -> Box:
    kind = "letter" if one.topic.endswith(".dlq") else "command" if one.topic.endswith(".commands") else "event"
    title = one.type or one.decoded.kind
    subtitle = f"{one.topic} {one.partition}:{one.offset}"
    return Box(kind, title, subtitle, f"/topics/{one.at}", here, one.timestamp_ms)


def _row_box(row: Row, cause_ms: int | None) -> Box:
    subtitle = f"changelog {row.record.partition}:{row.record.offset}"
    return Box("row", f"row of {row.table}", subtitle, f"/topics/{row.record.at}", False, row.record.timestamp_ms)


def _shorten(box: Box) -> None:
    box.title, box.subtitle = _cut(box.title, _TITLE_MAX), _cut(box.subtitle, _SUBTITLE_MAX)
    box.effects.sort(key=lambda effect: effect.kind == "page")
    if (hidden := len(box.effects) - EFFECTS_MAX) > 1 and not any(b.here for e in box.effects for b in _all(e)):
        box.effects[EFFECTS_MAX:] = [Box("more", f"and {hidden} more", "in the tables below")]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _place(box: Box, column: int, line: int) -> int:
    """Put `box` and its effects from `line` on; returns the first line that is free."""
    box.x = _MARGIN + column * _COLUMN
    first, below = line, line
    for effect in box.effects:
        below = _place(effect, column + 1, below)
    box.y = _MARGIN + first * _LINE
    return max(below, line + 1)


def _arrow(cause: Box, effect: Box) -> Arrow:
    begin_x, end_x = cause.x + BOX_WIDTH, effect.x
    begin_y, end_y = cause.y + BOX_HEIGHT // 2, effect.y + BOX_HEIGHT // 2
    bend = begin_x + 18
    known = cause.milliseconds is not None and effect.milliseconds is not None
    label = later((effect.milliseconds or 0) - (cause.milliseconds or 0)) if known else ""
    return Arrow(f"M{begin_x} {begin_y}H{bend}V{end_y}H{end_x - 5}", label, (bend + end_x - 5) // 2, end_y - 5)


def _all(box: Box) -> Iterator[Box]:
    yield box
    for effect in box.effects:
        yield from _all(effect)

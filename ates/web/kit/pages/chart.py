"""Bars of money by day, as shapes for an inline SVG. Pure: cents in, coordinates out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from ates.domain.money import MINUS, format_cents

WIDTH, HEIGHT = 760, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 24, 8, 24
_GRID_LINES = 4
_LABELS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """`left` and `slot` are the bar's share of the width, for a pointer to hit; the rest is the bar itself."""

    day: date
    said: str
    side: str
    left: float
    slot: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`grid` are heights with their amounts, `labels` are positions with their days."""

    bars: list[Bar]
    zero: float
    grid: list[tuple[float, str]]
    labels: list[tuple[float, str]]
    left: int = _LEFT
    width: int = WIDTH
    height: int = HEIGHT


def bars(values: Sequence[tuple[date, int]]) -> Chart:
    """A chart of cents by day; bars below zero hang from the zero line."""
    amounts = [cents for _, cents in values]
    step = _step(max([0, *amounts]) - min([0, *amounts]))
    bottom = min([0, *amounts]) // step * step
    top = max(step, -(-max([0, *amounts]) // step) * step)
    scale = (HEIGHT - _TOP - _BOTTOM) / (top - bottom)

    def height_of(cents: int) -> float:
        return round(_TOP + (top - cents) * scale, 1)

    slot = (WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    every = -(-len(values) // _LABELS) or 1
    return Chart(
        bars=[_bar(day, cents, index, slot, height_of) for index, (day, cents) in enumerate(values)],
        zero=height_of(0),
        grid=[(height_of(cents), _dollars(cents)) for cents in range(bottom, top + 1, step)],
        labels=[
            (round(_LEFT + (index + 0.5) * slot, 1), f"{day:%-d %b}")
            for index, (day, _) in enumerate(values)
            if (len(values) - 1 - index) % every == 0
        ],
    )


def _bar(day: date, cents: int, index: int, slot: float, height_of: Callable[[int], float]) -> Bar:
    left = _LEFT + index * slot
    gap = min(slot * 0.2, 6)
    return Bar(
        day=day,
        said=f"{day:%a %-d %b %Y}: {format_cents(cents)}",
        side="minus" if cents < 0 else "plus",
        left=round(left, 1),
        slot=round(slot, 1),
        x=round(left + gap / 2, 1),
        y=height_of(max(cents, 0)),
        width=round(slot - gap, 1),
        height=round(abs(height_of(cents) - height_of(0)), 1),
    )


def _step(span_cents: int) -> int:
    """A round number of dollars, in cents, that a few lines of the grid are apart."""
    unit = 100
    while True:
        for factor in (1, 2, 5):
            if span_cents <= unit * factor * _GRID_LINES:
                return unit * factor
        unit *= 10


def _dollars(cents: int) -> str:
    dollars = abs(cents) // 100
    text = f"{dollars // 1000:,}k" if dollars >= 10_000 else f"{dollars:,}"
    return f"{MINUS if cents < 0 else ''}${text}"

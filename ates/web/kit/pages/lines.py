"""Values over time as lines of an inline SVG. Pure: values in, coordinates out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 480, 128
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 12, 26
_GRID_LINES = 3
_LABELS = 5
# So much of a line is drawn for a value that stands alone.
_ALONE = 3

# A moment and its value; None where nobody knows.
Value = tuple[datetime, float | None]


@dataclass(frozen=True, slots=True)
class Lines:
    """paths: of SVG, one for each row of values without a gap; grid: heights with their values; labels: positions with
    their moments"""

    paths: list[str]
    grid: list[tuple[float, str]]
    labels: list[tuple[float, datetime]]
    left: int = _LEFT
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def zero(self) -> float:
        """The height of the value 0."""
        return self.height - _BOTTOM


def lines(values: Sequence[Value], start: datetime, end: datetime) -> Lines:
    """A chart of `values`, none below zero, from `start` to `end`; one of zeros alone goes up to 1."""
    known = [value for _, value in values if value is not None]
    most = max(known, default=0.0) or 1.0
    step = _step(most)
    top = max(step, -(-most // step) * step)

    def x_of(moment: datetime) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * _part(moment, start, end), 1)

    def y_of(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * value / top, 1)

    moments = [start + (end - start) * number / (_LABELS - 1) for number in range(_LABELS)]
    return Lines(
        paths=[_path([(x_of(at), y_of(value)) for at, value in run]) for run in _runs(values)],
        grid=[(y_of(number * step), _text(number * step)) for number in range(round(top / step) + 1)],
        labels=[(x_of(moment), moment) for moment in moments],
    )


def spark(values: Sequence[Value], start: datetime, end: datetime, width: int, height: int) -> list[str]:
    """Paths of a line so small that it has no scale: its own greatest value is at the top."""
    known = [value for _, value in values if value is not None]
    most = max(known, default=0.0) or 1.0

    def place(at: datetime, value: float) -> tuple[float, float]:
        return round(width * _part(at, start, end), 1), round(height - 1 - (height - 2) * value / most, 1)

    return [_path([place(at, value) for at, value in run]) for run in _runs(values)]


def _part(moment: datetime, start: datetime, end: datetime) -> float:
    """How much of the time from `start` to `end` has passed at a moment: 0 to 1."""
    return min(1.0, max(0.0, (moment - start) / (end - start)))


def _runs(values: Sequence[Value]) -> list[list[tuple[datetime, float]]]:
    """The values without their gaps, in rows."""
    runs: list[list[tuple[datetime, float]]] = [[]]
    for at, value in values:
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, value))
    return [run for run in runs if run]


def _path(points: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = points
    return f"M{x} {y}" + ("".join(f"L{right} {height}" for right, height in rest) or f"h{_ALONE}")


def _step(most: float) -> float:
    """A round number that a few lines of the grid are apart."""
    unit = 0.1 if most < 1 else 1.0
    while True:
        for factor in (1, 2, 5):
            if most <= unit * factor * _GRID_LINES:
                return unit * factor
        unit *= 10


def _text(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"

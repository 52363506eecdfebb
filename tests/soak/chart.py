"""The picture of a run: lag, pauses and tables over time, then a line for each process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .verdict import KINDS, Series

WIDTH, LEFT, TOP = 960, 150, 40
WIDE, WIDE_STEP = 56, 84  # of what there is once: height, distance
CELL, DRAWN, CELL_HEIGHT, STEP = 262, 154, 20, 34  # of what there is for each process


def draw(found: Sequence[Series], kills: Sequence[float], hours: float) -> str:
    """SVG of the series; `kills` are shares of the time, 0 to 1, at which a worker was killed."""
    once = [one for one in found if not one.name]
    names = list(dict.fromkeys(one.name for one in found if one.name))
    below = TOP + WIDE_STEP * len(once) + 30
    charts = [_chart(one, LEFT, TOP + WIDE_STEP * number, WIDTH - LEFT - 130, WIDE) for number, one in enumerate(once)]
    columns = list(KINDS)
    cells = [
        _chart(one, LEFT + CELL * columns.index(one.kind), below + STEP * names.index(one.name), DRAWN, CELL_HEIGHT)
        for one in found
        if one.name
    ]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("chart.svg.j2").render(
        width=WIDTH,
        height=below + STEP * len(names) + 10,
        left=LEFT,
        span=WIDTH - LEFT - 130,
        charts=charts,
        cells=cells,
        columns=[(LEFT + CELL * number, KINDS[name][0]) for number, name in enumerate(columns)],
        names=[(below + STEP * number, name) for number, name in enumerate(names)],
        below=below,
        kills=kills,
        hours=hours,
        flat=all(one.flat for one in found),
    )


def _chart(one: Series, x: float, y: float, width: float, height: float) -> dict[str, Any]:
    highest = max(one.values) or 1.0
    step = width / max(len(one.values) - 1, 1)
    points = " ".join(
        f"{x + step * number:.1f},{y + height * (1 - value / highest):.1f}" for number, value in enumerate(one.values)
    )
    return {
        "kind": one.kind,
        "unit": one.unit,
        "points": points,
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "flat": one.flat,
        "early": f"{one.early:,.4g}" if one.early < 1000 else f"{one.early:,.0f}",
        "late": f"{one.late:,.4g}" if one.late < 1000 else f"{one.late:,.0f}",
        "highest": f"{highest:,.4g}" if highest < 1000 else f"{highest:,.0f}",
    }

"""docs/soak.md, its picture and its samples, from one run: they are never typed by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.results import machine, save

from .chart import draw
from .run import Soak

DOCS = Path(__file__).parents[2] / "docs"


def summary(done: Soak) -> dict[str, Any]:
    """For programs: what was held against what, and what grew."""
    last = done.samples[-1]
    return {
        "ok": done.ok,
        "hours": round(last.seconds / 3600, 2),
        "decided": last.tasks,
        "kills": len(done.kills),
        "longest_pause_seconds": max(sample.pause for sample in done.samples),
        "grew": [f"{one.kind} {one.name}".strip() for one in done.series if not one.flat],
        "failures": done.failures,
    }


def write(done: Soak, rate: float, note: str = "") -> Path:
    """The page, with `note` as a sentence of it; the picture and the samples go beside it."""
    samples = [asdict(sample) for sample in done.samples]
    when = datetime.now(UTC).isoformat(timespec="seconds")
    save(
        DOCS / "soak.json",
        {**summary(done), "at": when, "machine": machine(), "rate": rate, "note": note, "samples": samples},
    )
    length = done.samples[-1].seconds
    picture = draw(done.series, [kill / length for kill in done.kills], length / 3600)
    (DOCS / "images" / "soak.svg").write_text(picture, encoding="utf-8")
    written = DOCS / "soak.md"
    written.write_text(page(json.loads((DOCS / "soak.json").read_text(encoding="utf-8")), done), encoding="utf-8")
    return written


def page(figures: dict[str, Any], done: Soak) -> str:
    """docs/soak.md."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701 (Markdown)
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    return environment.get_template("soak.md.j2").render(**figures, series=done.series)

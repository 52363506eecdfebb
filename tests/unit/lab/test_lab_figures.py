"""The figures of the lab: before the first experiment, while one runs, and after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp_jinja2
import pytest

from ates.platform.settings import Settings
from ates.tools.lab.catalogue import EXPERIMENTS
from ates.web.topics.app import create_app

RUNNING = {"name": "poison", "target": "", "phase": "waiting for rest", "held": None, "verdict": "", "acknowledged": 7,
           "waiting": 1, "dead_letters": 0, "audit_ok": None, "recovery_ms": None}  # fmt: skip
HELD = {**RUNNING, "held": True, "verdict": "Nothing was lost.", "dead_letters": 3, "audit_ok": True, "recovery_ms": 90}


@pytest.mark.parametrize(
    ("current", "past", "heading"),
    [
        (None, [], "Nothing is broken yet"),
        (RUNNING, [], "Now: waiting for rest"),
        (None, [HELD], "Nothing was lost."),
        (RUNNING, [HELD], "Now: waiting for rest"),
    ],
)
def test_the_figures_are_of_the_experiment_that_runs_or_else_of_the_last(
    tmp_path: Path, current: Any, past: list[Any], heading: str
) -> None:
    settings = Settings(
        kafka="x:1",
        registry="http://x",
        postgres="postgresql://x",
        csrf_secret="x",
        jwks="http://x",
        keys=str(tmp_path),
    )
    template = aiohttp_jinja2.get_env(create_app(settings)).get_template("topics/_lab_figures.html")
    assert heading in template.render(current=current, past=past, experiments=EXPERIMENTS)

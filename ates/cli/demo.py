"""`ates demo`: the demo company goes on working."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import click

from ates.cli import output
from ates.platform import log
from ates.platform.settings import Settings, load, require
from ates.tools.demo.life import Life
from ates.tools.demo.sender import sender

PROCESS = "demo"


@click.group()
def demo() -> None:
    """The demo company of `ates up --demo`."""


@demo.command("run")
@click.option(
    "--per-minute",
    type=click.FloatRange(min=0.1, max=6000),
    default=12.0,
    show_default=True,
    help="Tasks created and completed a minute, on average.",
)
@click.option("--minutes", type=click.FloatRange(min=0), help="Stop by itself. Default: at Ctrl-C.")
@output.as_json
def run(per_minute: float, minutes: float | None, as_json: bool) -> None:
    """Let popugs create tasks and complete their own, at human pace, until Ctrl-C.

    They leave the tasks of the demo's own logins alone: those are yours.
    """
    settings = load(PROCESS)
    require(settings, "kafka", "registry", "postgres")
    log.configure(settings, "demo")
    counts = {"created": 0, "completed": 0}
    asyncio.run(_run(settings, per_minute, minutes, counts))
    sentence = f"the popugs stop: {counts['created']} tasks created, {counts['completed']} completed"
    output.say(counts, sentence, as_json)


async def _run(settings: Settings, per_minute: float, minutes: float | None, counts: dict[str, int]) -> None:
    async with sender(settings) as sent:
        life = Life(settings, sent)
        end = "Ctrl-C ends it" if minutes is None else f"it ends after {minutes:g} minutes"
        click.echo(f"popugs at work, {per_minute:g} commands a minute; {end}", err=True)
        try:
            async with asyncio.timeout(None if minutes is None else minutes * 60):
                await _until_signal(life.run(per_minute, lambda line: click.echo(line, err=True)))
        except TimeoutError:
            pass
        finally:
            counts |= {"created": life.created, "completed": life.completed}


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Go on until `work` ends, or Ctrl-C or `kill` ends it."""
    working = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    await asyncio.wait([working])
    if not working.cancelled():
        working.result()

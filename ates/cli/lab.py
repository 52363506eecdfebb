"""`ates lab`: make a fault on a running demo, and see that nothing comes of it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from ates.cli import output
from ates.platform import log
from ates.platform.settings import load, require
from ates.tools.lab.catalogue import EXPERIMENTS, SECONDS, SECONDS_MAX
from ates.tools.lab.control import control

PROCESS = "lab"
ACTOR = "operator"
_LOOK_AGAIN_SECONDS = 0.5
_seconds = click.option(
    "--seconds",
    type=click.FloatRange(0, SECONDS_MAX),
    default=SECONDS,
    show_default=True,
    help="How long a fault lasts that lasts.",
)


@click.group()
def lab() -> None:
    """Make faults on a running demo: kill, pause, cut off, poison; then audit. Only with `ates up --demo`."""


@lab.command("list")
@output.as_json
def list_experiments(as_json: bool) -> None:
    """Show every experiment: what is done, what to watch, which invariant holds."""
    facts = [
        {"name": it.name, "does": it.does, "watch": it.watch, "holds": it.holds, "targets": it.targets}
        for it in EXPERIMENTS.values()
    ]
    lines = [
        f"{it.name}\n    {it.does}\n    watch: {it.watch}\n    holds: {it.holds}"
        + (f"\n    target: {', '.join(it.targets)}" if len(it.targets) > 1 else "")
        for it in EXPERIMENTS.values()
    ]
    output.say(facts, "\n".join(lines), as_json)


@lab.command("run")
@click.argument("experiment", type=click.Choice(list(EXPERIMENTS)))
@click.option("--target", default="", metavar="PROCESS", help="Process that it is done to, such as worker.views.")
@_seconds
@output.as_json
def run(experiment: str, target: str, seconds: float, as_json: bool) -> None:
    """Make a fault while commands come in, wait for rest, and audit; exit 0 only if every invariant holds."""
    settings = load(PROCESS)
    require(settings, "kafka")
    found = asyncio.run(_run(settings.lab, experiment, target, seconds))
    output.say(found, f"{'✓' if found['held'] else '✗'} {found['verdict']}", as_json)
    sys.exit(0 if found["held"] else 1)


async def _run(socket: str, name: str, target: str, seconds: float) -> dict[str, Any]:
    async with control(socket) as supervisor:
        await supervisor.begin(name, target, ACTOR, seconds)
        said = ""
        while current := (await supervisor.state())["current"]:
            waiting = f", {current['waiting']} waiting" if current.get("waiting") else ""
            line = f"{current['phase']}: {current.get('acknowledged', 0)} acknowledged{waiting}"
            if line != said:
                click.echo(line, err=True)
                said = line
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        found: dict[str, Any] = (await supervisor.state())["past"][0]
        return found


@lab.command("perform", hidden=True)
@click.argument("experiment", type=click.Choice(list(EXPERIMENTS)))
@click.option("--target", default="")
@click.option("--actor", required=True)
@_seconds
@output.as_json
def perform(experiment: str, target: str, actor: str, seconds: float, as_json: bool) -> None:
    """The experiment itself, as the supervisor starts it."""
    from ates.tools.lab import experiment as module

    settings = load()
    require(settings, "kafka", "registry", "postgres", "lab")
    log.configure(settings, "lab")
    asked = (experiment, target, actor, seconds)
    done = asyncio.run(_perform(settings.lab, lambda report: module.perform(settings, report, *asked)))
    output.say(done.to_json(), done.verdict, as_json)


async def _perform(socket: str, work: Any) -> Any:
    async with control(socket) as supervisor:
        return await work(supervisor)

"""`ates topology`: who reads, holds and writes what. Asks no server."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ates.cli import generated
from ates.tools.describe import picture, text


@click.command()
@click.option("--json", "form", flag_value="json", help="Print one JSON object.")
@click.option("--mermaid", "form", flag_value="mermaid", help="Print a Mermaid flowchart.")
@click.option("--write", "form", flag_value="write", help="In a checkout: write the files anew that repeat it.")
def topology(form: str | None) -> None:
    """Show every topic, worker, agent, front end and read model: who sends what to whom."""
    match form:
        case "json":
            click.echo(json.dumps(text.to_json(), ensure_ascii=False))
        case "mermaid":
            click.echo(picture.mermaid(), nl=False)
        case "write":
            changed = generated.write(Path.cwd())
            click.echo("\n".join(f"written: {name}" for name in changed) or "all files are as the topology says")
        case _:
            click.echo("\n".join(text.lines()))

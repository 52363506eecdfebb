"""Printing: tables for people, JSON for programs by `--json`, which every command has that prints facts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
"""For commands that answer with one object."""

_ASKED = f"{__name__}.json"
_NARROW_COLUMNS, _UNBOUNDED_COLUMNS = 100, 10_000
_PIPE_COLUMNS = 200  # of a table that goes into a file or a pipe


def rows(*others: str, help: str = "For people, or one JSON object a line.") -> Callable[[F], F]:
    """For commands that answer with rows: `-o table|json` and its short form, as the argument `form`."""
    form = click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(["table", "json", *others]),
        default="table",
        show_default=True,
        callback=_choose,
        help=help,
    )
    short = click.option(
        "--json", is_flag=True, is_eager=True, expose_value=False, callback=_ask, help="Short for -o json."
    )
    return lambda command: form(short(command))


def _ask(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    ctx.meta[_ASKED] = asked


def _choose(ctx: click.Context, option: click.Parameter, form: str) -> str:
    if not ctx.meta.get(_ASKED):
        return form
    if ctx.get_parameter_source(str(option.name)) is click.core.ParameterSource.COMMANDLINE and form != "json":
        raise click.UsageError(f"--json and -o {form} exclude each other")
    return "json"


def say(facts: Any, sentence: str, as_json: bool) -> None:
    """Print `facts` as one line of JSON, or `sentence` for people."""
    click.echo(json.dumps(facts, ensure_ascii=False) if as_json else sentence)


def print_table(table: Table) -> None:
    """Print a table at the terminal's width; wide into a file or a pipe.

    A narrow terminal that it does not fit gets each row as a paragraph, a line for each cell.
    """
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _PIPE_COLUMNS, highlight=False)
    unbounded = console.options.update(max_width=_UNBOUNDED_COLUMNS)
    narrow = console.width < _NARROW_COLUMNS and console.measure(table, options=unbounded).maximum > console.width
    console.print(_paragraphs(table) if narrow else table)


def _paragraphs(table: Table) -> Table:
    labels = [str(column.header) for column in table.columns]
    found = Table(box=None, pad_edge=False, show_header=False)
    found.add_column(style="bold", no_wrap=True)
    found.add_column(overflow="fold")
    for number, row in enumerate(zip(*(column.cells for column in table.columns), strict=True)):
        if number:
            found.add_row()
        for label, cell in zip(labels, row, strict=True):
            if cell:
                found.add_row(label, cell)
    return found

"""`ates`: one command, its groups loaded when they are used, so that `--help` and `status` answer at once."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.metadata import version
from typing import Any

import click

from ates.cli import arguments
from ates.domain.errors import AtesError, SettingsError, Unavailable

# name -> module:object, and the line shown in `ates --help`.
COMMANDS = {
    "up": ("ates.cli.stack:up", "Start everything."),
    "status": ("ates.cli.stack:status", "Show every process and whether it is ready."),
    "down": ("ates.cli.stack:down", "Stop everything that up started; lose nothing."),
    "backup": ("ates.cli.backup:backup", "Copy the stack to a directory, while it runs."),
    "restore": ("ates.cli.backup:restore", "Make a data directory of a backup."),
    "reset": ("ates.cli.stack:reset", "Down, and delete the data."),
    "worker": ("ates.cli.process:worker", "Run one stream worker in the foreground."),
    "web": ("ates.cli.process:web", "Run one front end in the foreground."),
    "relay": ("ates.cli.process:relay", "Run the outbox relay in the foreground."),
    "inbox": ("ates.cli.process:inbox", "Run the mail catcher in the foreground."),
    "migrate": ("ates.cli.migrate:migrate", "Create or upgrade the database schemas and roles."),
    "acls": ("ates.cli.acls:acls", "Create or print Kafka's users and ACLs."),
    "schemas": ("ates.cli.schemas:schemas", "List, check and register Avro schemas."),
    "topology": ("ates.cli.topology:topology", "Show who reads, holds and writes what."),
    "topics": ("ates.cli.topics:topics", "List topics, look into them, create them."),
    "tables": ("ates.cli.tables:tables", "Look into the tables that the agents hold."),
    "dlq": ("ates.cli.dlq:dlq", "List dead letters, and send them again."),
    "tasks": ("ates.cli.tasks:tasks", "Import tasks from a tracker's export."),
    "views": ("ates.cli.views:views", "Build read models again from the log."),
    "keys": ("ates.cli.keys:keys", "List and rotate the keys that logins are signed with."),
    "seed": ("ates.cli.seed:seed", "Create the first admin, and the demo company."),
    "demo": ("ates.cli.demo:demo", "Keep the demo company at work."),
    "lab": ("ates.cli.lab:lab", "Make faults on a running demo, and audit."),
    "accounting": ("ates.cli.accounting:accounting", "Close business days."),
    "audit": ("ates.cli.audit:audit", "Recompute everything from the log and compare."),
    "completion": ("ates.cli.completion:completion", "Print the completion script for bash, zsh or fish."),
}


def _choose_data(ctx: click.Context, option: click.Parameter, directory: str | None) -> None:
    if directory is not None:
        os.environ["ATES_DATA"] = directory


def _with_data(command: click.Command) -> click.Command:
    """`command` and its subcommands, guarded, each with `--data`: an argument in the place of `ATES_DATA`."""
    for nested in command.commands.values() if isinstance(command, click.Group) else ():
        _with_data(nested)
    arguments.guard(command)
    if not any("--data" in option.opts for option in command.params):
        command.params.append(
            click.Option(
                ["--data"],
                metavar="DIR",
                expose_value=False,
                is_eager=True,
                callback=_choose_data,
                help="Data directory of the stack (instead of ATES_DATA).",
            )
        )
    return command


def _show_version(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked:
        from ates.schemas import plans

        click.echo(f"ates {version('ates')}, codec: {plans.running()}")
        ctx.exit()


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        return _with_data(getattr(importlib.import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show version and codec."
)
def cli() -> None:
    """The Awesome Task Exchange System: tasks dealt out at random, fees, rewards, and a payout every day."""


def main(given: list[str] | None = None) -> Any:
    """Exit 0 when done, 1 with a one-line reason on stderr when it failed, 2 on wrong usage."""
    try:
        cli.main(given, prog_name="ates")
    except AtesError as error:
        # Of servers and settings the docs tell by the code.
        code = f" ({error.code})" if isinstance(error, (Unavailable, SettingsError)) else ""
        click.echo(f"ates: {error.detail}{code}", err=True)
        sys.exit(1)
    except OSError as error:  # a full disk, a file that may not be read: the error names the file
        click.echo(f"ates: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()

"""`ates up`, `status`, `down`, `reset`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from ates.cli import output
from ates.embedded import StackError
from ates.embedded.console import Console
from ates.embedded.datadir import DataDirectory
from ates.platform.settings import default_data_directory

try:
    from ates.embedded import family, stack
    from ates.embedded.choices import Options
    from ates.embedded.status import status as ask
except ModuleNotFoundError as missing:
    raise click.ClickException(f"{missing.name} is not installed: pip install 'ates[embedded]'") from missing

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="ATES_DATA",
    default=default_data_directory,
    show_default="~/.local/share/ates",
    help="Data directory.",
)


def directory_of(data: Path) -> DataDirectory:
    """The data directory of an option."""
    return DataDirectory(data.expanduser().absolute())


@click.command()
@data_option
@output.as_json
@click.option("--detach", is_flag=True, help="Return when every part is ready; leave it running.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the gateway (default 8080, 0 picks a free one).")
@click.option(
    "--demo", "history", flag_value="demo", default=None, help="With a demo company: the default on embedded servers."
)
@click.option("--empty", "history", flag_value="empty", help="With nothing but an admin.")
@click.option("--take-over", is_flag=True, help="Use servers that another stack owned, which has ended.")
@click.option("--base", is_flag=True, hidden=True, help="Only the servers, for working on the rest.")
@click.option("--ready-to", type=int, hidden=True, help="File descriptor told when all is ready.")
def up(
    data: Path,
    as_json: bool,
    detach: bool,
    port: int | None,
    history: str | None,
    take_over: bool,
    base: bool,
    ready_to: int | None,
) -> None:
    """Start everything; running it again changes nothing."""
    directory = directory_of(data)
    directory.check()
    options = Options(port=port, history=history, base=base, take_over=take_over)
    if detach:
        if not stack.is_up(directory):
            _start_detached(directory, options)
        asyncio.run(_print_up(directory, as_json))
    else:
        _run(directory, options, as_json, ready_to)


def _run(directory: DataDirectory, options: Options, as_json: bool, ready_to: int | None) -> None:
    """Be the supervisor, unless there is one already."""
    directory.prepare()
    with directory.lock() as free:
        if free:
            console = Console()

            async def ready() -> None:
                if ready_to is None:
                    await _print_up(directory, as_json)
                else:
                    _detach(directory, ready_to)

            asyncio.run(stack.run(directory, options, console, ready))
            return
    if not stack.is_up(directory):
        click.echo("another `ates up` is starting this stack, waiting for it", err=True)
        if not stack.wait_for_other(directory):
            raise StackError("not_started", "the other `ates up` ended before everything was ready")
    if ready_to is None:
        asyncio.run(_print_up(directory, as_json))
    else:
        os.write(ready_to, b"ready")


def _detach(directory: DataDirectory, ready_to: int) -> None:
    """Tell the waiting command that all is ready, and go on writing to a log file."""
    log = os.open(directory.logs / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)
    os.write(ready_to, b"ready")
    os.close(ready_to)


def _start_detached(directory: DataDirectory, options: Options) -> None:
    """Run `ates up` as a daemon that shares our stderr until it is ready. Exit as it does when it fails."""
    read_end, write_end = os.pipe()
    arguments = ["--data", str(directory.path), "--ready-to", str(write_end)]
    arguments += [] if options.port is None else ["--port", str(options.port)]
    arguments += [f"--{options.history}"] if options.history else []
    arguments += ["--base"] if options.base else []
    arguments += ["--take-over"] if options.take_over else []
    daemon = subprocess.Popen(
        [sys.executable, "-m", "ates", "up", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[write_end],
        start_new_session=True,
    )
    os.close(write_end)
    try:
        is_ready = os.read(read_end, 16) == b"ready"
    except KeyboardInterrupt:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()
        raise
    if not is_ready:
        sys.exit(daemon.wait() or 1)


async def _print_up(directory: DataDirectory, as_json: bool) -> None:
    found = {**await ask(directory), "logins": directory.logins()}
    if as_json:
        for line in _not_ready(found):
            click.echo(f"not ready: {line}", err=True)
        click.echo(json.dumps(found))
        return
    state = "ready" if found["ready"] else "up, but not all of it is ready"
    click.echo(f"\n  aTES is {state}: {click.style(found['gateway'], bold=True)}\n")
    for line in _not_ready(found):
        click.echo(f"    {click.style('not ready', fg='red')}  {line}")
    for login in found["logins"]:
        click.echo(f"    {login['role']:<12} login {login['login']:<12} password {login['password']}")
    click.echo(f"\n  mail     {found['smtp_inbox']}" if found["smtp_inbox"] else "")
    click.echo(f"  data     {found['data_dir']}")
    click.echo(f"  stop     {_again('down', directory)}")
    click.echo(f"  next     {_again('status', directory)}\n")


def _not_ready(found: dict[str, Any]) -> list[str]:
    """The processes that were started and are not ready, and why."""
    waiting = [service for service in found["services"] if not service["ready"] and service["reason"] != "not running"]
    return [f"{service['name']}: {service['reason']}" for service in waiting]


def _again(command: str, directory: DataDirectory) -> str:
    elsewhere = directory.path != default_data_directory()
    return f"ates {command}" + (f" --data {directory.path}" if elsewhere else "")


@click.command()
@data_option
@output.as_json
def status(data: Path, as_json: bool) -> None:
    """Show every process and whether it is ready."""
    found = asyncio.run(ask(directory_of(data)))
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print_status(found)


def _print_status(found: dict[str, Any]) -> None:
    if not found["services"]:
        click.echo(f"nothing was ever started in {found['data_dir']}")
    for service in found["services"]:
        mark = click.style("ready", fg="green") if service["ready"] else click.style("down ", fg="red")
        detail = service["reason"] or service.get("url", "")
        again = (
            f"  (started again {service['restarts']} ×: {service['restart_reason']})" if "restarts" in service else ""
        )
        click.echo(f"{mark}  {service['name']:<18} {service['pid'] or '-':>8}  {detail}{again}".rstrip())
    if found["gateway"]:
        waiting = sum(not service["ready"] for service in found["services"])
        state = f"{waiting} of {len(found['services'])} are not ready" if waiting else "everything is ready"
        click.echo(f"\n{state}   gateway {found['gateway']}   data {found['data_dir']}")


@click.command()
@data_option
@output.as_json
def down(data: Path, as_json: bool) -> None:
    """Stop everything that up started; lose nothing."""
    directory = directory_of(data)
    stopped = stack.down(directory)
    click.echo("stopped" if stopped else "nothing was running", err=True)
    holders = list(family.holders(directory.path)) if directory.exists() else []
    for holder in holders:
        click.echo(f"not ours, left alone: {holder}", err=True)
    if as_json:
        click.echo(json.dumps({"stopped": stopped, "left_alone": [str(holder) for holder in holders]}))


@click.command()
@data_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_json
def reset(data: Path, yes: bool, as_json: bool) -> None:
    """Down, and delete the data."""
    directory = directory_of(data)
    if not yes:
        click.confirm(f"Delete {directory.path} and everything in it?", abort=True, err=True)
    stack.down(directory)
    directory.delete()
    click.echo(f"deleted {directory.path}", err=True)
    if as_json:
        click.echo(json.dumps({"deleted": str(directory.path)}))

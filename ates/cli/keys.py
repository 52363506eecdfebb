"""`ates keys`: the keys that access tokens are signed with."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from ates.cli import output
from ates.platform.settings import Settings, load
from ates.web.auth import keyring
from ates.web.auth.keys import Key, ended


@click.group()
def keys() -> None:
    """List and rotate the keys that access tokens are signed with."""


@keys.command("list")
@output.as_json
def list_keys(as_json: bool) -> None:
    """Show which key signs, which is next, and how long old ones are still good for."""
    _show(keyring.load(_settings()), as_json)


@keys.command()
@output.as_json
def rotate(as_json: bool) -> None:
    """Let the next key sign from now on. Nobody is logged out: the old one stays good until its tokens have expired.

    A running auth notices by itself. With ATES_SIGNING_KEYS its new value is printed, to be put where the old one is.
    """
    settings = _settings()
    if settings.signing_keys:
        click.echo(keyring.as_text(keyring.rotated(keyring.load(settings), time.time())))
    else:
        _show(keyring.rotate(settings), as_json)


@keys.command()
def generate() -> None:
    """Print a new set for ATES_SIGNING_KEYS, for where there is no disk. It is a secret."""
    click.echo(keyring.as_text(keyring.new_set()))


def _settings() -> Settings:
    return load("web.auth")


def _show(found: list[Key], as_json: bool) -> None:
    now = time.time()
    keys = [{"kid": key["kid"], "state": _state(position, key, now)} for position, key in enumerate(found)]
    output.say(keys, "\n".join(f"{key['kid']}  {key['state']}" for key in keys), as_json)


def _state(position: int, key: Key, now: float) -> str:
    if position < 2:
        return ("signs", "next")[position]
    if ended(key, now):
        return "old, not good any more"
    return f"old, good until {datetime.fromtimestamp(key['until'], UTC):%Y-%m-%d %H:%M:%S} UTC"

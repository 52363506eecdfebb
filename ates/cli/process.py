"""`ates worker|web|relay|inbox`: one process in the foreground. What `ates up` and docker-compose.yml start."""

from __future__ import annotations

import importlib

import click

from ates.topology import FRONT_ENDS, WORKERS


@click.command()
@click.argument("service", type=click.Choice(list(WORKERS)))
def worker(service: str) -> None:
    """Run stream worker SERVICE, as `faust -A ates.workers.SERVICE worker` does."""
    from ates.platform import reach
    from ates.platform.settings import load

    reach.trust(load(f"worker.{service}"))
    importlib.import_module(f"ates.workers.{service}").app.run()


@click.command()
@click.argument("service", type=click.Choice(list(FRONT_ENDS)))
def web(service: str) -> None:
    """Run front end SERVICE: its pages and its JSON API."""
    from ates.platform import log, reach
    from ates.platform.settings import load
    from ates.web.kit.server import serve

    settings = load(f"web.{service}")
    log.configure(settings, f"web.{service}")
    reach.trust(settings)
    app = importlib.import_module(f"ates.web.{service}.app").create_app(settings)
    serve(app, settings)


@click.command()
def relay() -> None:
    """Run the outbox relay: publishes what auth wrote beside its changes."""
    from aiohttp.web import run_app

    from ates.platform import log, reach
    from ates.platform.settings import load
    from ates.web.auth.relay_app import create_app

    settings = load("relay")
    log.configure(settings, "relay")
    reach.trust(settings)
    run_app(create_app(settings), host=settings.host, port=settings.port, print=None, access_log=None)


@click.command()
def inbox() -> None:
    """Run the mail catcher: takes mail at ATES_SMTP, shows it at ATES_HOST:ATES_PORT."""
    from aiohttp.web import run_app

    from ates.embedded.inbox import application
    from ates.platform import log
    from ates.platform.settings import load, require

    settings = load("inbox")
    require(settings, "smtp", "inbox_key")
    log.configure(settings, "inbox")
    run_app(application(settings), host=settings.host, port=settings.port, print=None, access_log=None)

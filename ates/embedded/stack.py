"""Up, status, down: the life of one stack on one data directory."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import psutil

from ates import settings
from ates.embedded import StackError, downloads, gateway, ports, postgres, probes, registry
from ates.embedded.console import Console
from ates.embedded.datadir import DataDirectory, ensure_logins
from ates.embedded.processes import PORTS, REPLACES, ROLES, Plan, Process, gateway_url, settings_file, table
from ates.embedded.supervisor import Supervisor

DEFAULT_PORT = 8080
# Changing these under existing data would move business days or split keys over other partitions.
_KEPT_SETTINGS = ("ATES_PARTITIONS", "ATES_TIMEZONE")
# Said by the stack to each process, never taken from the user's environment.
_OWN_SETTINGS = (
    *("ATES_DATA", "ATES_HOST", "ATES_PORT", "ATES_GATEWAY", "ATES_JWKS", "ATES_KEYS", "ATES_SIGNING_KEYS"),
    "ATES_INSTANCE",
)
_DOWN_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for; None is "as last time, or the default"."""

    port: int | None = None
    history: str | None = None
    base: bool = False  # only the servers and the gateway, for working on the rest


def make_plan(data: DataDirectory, options: Options, console: Console) -> Plan:
    """Choose what is still open (ports, passwords), refuse what cannot be, and remember the choices."""
    data.prepare()
    kept = data.kept()
    given = _given(kept.get("given", {}))
    gateway.tls_of(settings.load("", {**given, "ATES_DATA": str(data.path)}))
    chosen = ports.choose(PORTS, kept.get("ports", {}))
    chosen["gateway"] = _gateway_port(options.port, kept.get("ports", {}), set(chosen.values()))
    history = _history(options.history, kept.get("history"))
    kept = {
        "ports": chosen,
        "history": history,
        "secrets": {name: kept.get("secrets", {}).get(name) or make() for name, make in _SECRETS.items()},
        "given": given,
    }
    data.write("kept.json", kept)
    ensure_logins(data, history)
    return _plan(data, kept, console)


_SECRETS: dict[str, Callable[[], str]] = {
    "postgres": partial(secrets.token_urlsafe, 24),
    "csrf": partial(secrets.token_urlsafe, 32),
    **{f"role.{role}": partial(secrets.token_urlsafe, 24) for role in ROLES},
}


def _plan(data: DataDirectory, kept: dict[str, Any], console: Console) -> Plan:
    given = kept["given"]
    return Plan(
        data=data,
        ports=kept["ports"],
        secrets=kept["secrets"],
        given=given,
        settings=settings.load("", {**given, "ATES_DATA": str(data.path)}),
        history=kept["history"],
        kafka_home=cache(lambda: downloads.kafka_home(console)),
        registry_home=cache(lambda: downloads.registry_home(console)),
    )


def _given(before: dict[str, str]) -> dict[str, str]:
    """The user's own settings that hold for the whole stack. A mistake in one stops `up` at once."""
    settings.load("", {k: v for k, v in os.environ.items() if k != "ATES_DATA"})
    given = {k: v for k, v in os.environ.items() if k in settings.names() and k not in _OWN_SETTINGS and v}
    return {**{name: before[name] for name in _KEPT_SETTINGS if name in before}, **given}


def _gateway_port(wanted: int | None, kept: dict[str, int], avoid: set[int]) -> int:
    if wanted == 0:
        return ports.choose(["gateway"], {"gateway": kept.get("gateway", 0)})["gateway"]
    port = wanted or kept.get("gateway") or DEFAULT_PORT
    if port in avoid:
        raise StackError("port_taken", f"port {port} is used by this stack itself; choose another with --port")
    ports.require_free(port)
    return port


def _history(wanted: str | None, kept: str | None) -> str:
    if wanted == "empty" and kept == "demo":
        raise StackError(
            "has_demo", "this data directory holds the demo company; use another --data, or `ates reset --yes`"
        )
    return wanted or kept or "demo"


async def run(data: DataDirectory, options: Options, console: Console, on_ready: Callable[[], Awaitable[None]]) -> None:
    """Start everything, call `on_ready`, and keep it running until SIGINT, SIGTERM or SIGHUP.

    The caller holds the data directory's lock. Raises `StackError` when the stack cannot be started.
    """
    await asyncio.to_thread(end_leftovers, data)
    plan = await asyncio.to_thread(make_plan, data, options, console)
    entries = table(plan)
    data.write(settings.STACK_FILE, settings_file(plan, entries))
    if options.base:
        entries = [e for e in entries if isinstance(e, Process) and not e.needs and not e.arguments]
    supervisor = Supervisor(data, console)
    stop = _stop_on_signals()
    tending = asyncio.create_task(supervisor.tend_logs())
    starting = asyncio.create_task(_start(plan, supervisor, entries, console))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            await on_ready()
            await stopped
        else:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            raise StackError("interrupted", "stopped before everything was ready")
    finally:
        tending.cancel()
        stopped.cancel()
        await supervisor.stop()


async def _start(plan: Plan, supervisor: Supervisor, entries: list[Any], console: Console) -> None:
    present = {entry.id for entry in entries}
    fetching = [f for name, f in (("kafka", plan.kafka_home), ("registry", plan.registry_home)) if name in present]
    for fetch in fetching:
        await asyncio.to_thread(fetch)
    await supervisor.start(entries)


def _stop_on_signals() -> asyncio.Event:
    """Set by the first signal; a second one ends us at once, and the children with us."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def handle() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, handle)
    return stop


def end_leftovers(data: DataDirectory) -> None:
    """End children of a supervisor that is gone. On Linux the kernel already has; elsewhere nobody did."""
    left = [process for entry in _recorded(data) if (process := _alive(entry))]
    for process in left:
        process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=20)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=5)


def _recorded(data: DataDirectory) -> list[dict[str, float]]:
    return list(data.running().get("processes", {}).values())


def _alive(entry: dict[str, float] | None) -> psutil.Process | None:
    """The recorded process, unless it has ended and its pid belongs to somebody else now."""
    if not entry:
        return None
    try:
        process = psutil.Process(int(entry["pid"]))
        same = abs(process.create_time() - entry["created"]) < 0.1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def down(data: DataDirectory) -> bool:
    """Stop the stack of this directory and wait. Gives False when nothing was running."""
    data.check()
    supervisor = _alive(data.running().get("supervisor"))
    children = _recorded(data)
    if supervisor:
        supervisor.terminate()
        psutil.wait_procs([supervisor], timeout=_DOWN_SECONDS)
        if supervisor.is_running() and supervisor.status() != psutil.STATUS_ZOMBIE:
            supervisor.kill()
    was_running = bool(supervisor) or any(_alive(entry) for entry in children)
    end_leftovers(data)
    return was_running


def is_up(data: DataDirectory) -> bool:
    """Whether a supervisor runs on this directory and has said that everything is ready."""
    running = data.running()
    return bool(running.get("ready")) and _alive(running.get("supervisor")) is not None


def wait_for_other(data: DataDirectory, seconds: float = 300.0) -> bool:
    """Wait for a start that somebody else began; False when that one failed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_up(data):
            return True
        if not data.is_locked():
            return False
        time.sleep(0.3)
    return False


async def status(data: DataDirectory) -> dict[str, Any]:
    """What contract.md says of `ates status --json`; asks every process, takes a few seconds at most."""
    data.check()
    kept = data.kept()
    if not kept:
        return {**dict.fromkeys(_ADDRESSES), "data_dir": str(data.path), "services": []}
    plan = _plan(data, kept, Console())
    running = data.running()
    entries = [entry for entry in table(plan) if isinstance(entry, Process)]
    services = await asyncio.gather(*(_service(entry, running) for entry in entries))
    return {
        "gateway": gateway_url(plan),
        "kafka": plan.given.get("ATES_KAFKA") or plan.address("kafka"),
        "registry": plan.given.get("ATES_REGISTRY") or registry.url(plan.address("registry")),
        "postgres": plan.admin_dsn() if plan.embeds("postgres") else postgres.without_password(plan.admin_dsn()),
        "smtp_inbox": f"http://{plan.address('inbox')}" if plan.embeds("inbox") else None,
        "data_dir": str(data.path),
        "services": [*services, *await _replaced(plan)],
    }


_ADDRESSES = ("gateway", "kafka", "registry", "postgres", "smtp_inbox")


async def _service(process: Process, running: dict[str, Any]) -> dict[str, Any]:
    alive = _alive(running.get("processes", {}).get(process.id))
    reason = await process.probe() if alive else "not running"
    found = {"name": process.id, "kind": process.kind, "pid": alive.pid if alive else None}
    url = {"url": process.url} if process.kind == "web" else {}
    return {**found, "ready": not reason, "reason": reason, **url}


async def _replaced(plan: Plan) -> list[dict[str, Any]]:
    """The servers that the user brought along: they have no pid here, but whether they answer matters."""
    probes_of = {
        "kafka": ("broker", probes.kafka_cluster(plan.settings)),
        "registry": ("registry", _registry_probe(plan.settings)),
        "postgres": ("database", probes.postgres(plan.settings.postgres)),
        "inbox": ("mail", _smtp_probe(plan.settings.smtp)),
    }
    found = []
    for name in REPLACES.values():
        if not plan.embeds(name):
            kind, probe = probes_of[name]
            reason = await probe()
            found.append({"name": name, "kind": kind, "pid": None, "ready": not reason, "reason": reason})
    return found


def _registry_probe(given: settings.Settings) -> probes.Probe:
    return probes.http(f"{given.registry}/subjects", given.registry_username, given.registry_password)


def _smtp_probe(address: str) -> probes.Probe:
    host, _, port = address.rpartition(":")
    return probes.port(host or address, int(port) if port.isdigit() else 25)

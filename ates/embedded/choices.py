"""What a stack is made of: asked for on the command line, said by the environment, or chosen once and kept."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from ates.embedded import StackError, downloads, gateway, ports, registry
from ates.embedded.console import Console
from ates.embedded.datadir import DataDirectory, ensure_logins
from ates.embedded.processes import KAFKA_USERS, PORTS, REPLACES, Plan
from ates.platform import access, settings
from ates.topology import DATABASE_ROLES

DEFAULT_PORT = 8080
# Changing these under existing data would move business days or split keys over other partitions.
_KEPT_SETTINGS = ("ATES_PARTITIONS", "ATES_TIMEZONE")
# Said by the stack to each process, never taken from the user's environment.
_OWN_SETTINGS = (
    *("ATES_DATA", "ATES_HOST", "ATES_PORT", "ATES_GATEWAY", "ATES_JWKS", "ATES_KEYS", "ATES_SIGNING_KEYS"),
    "ATES_INSTANCE",
    "ATES_INBOX_KEY",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for; None is "as last time, or the default"."""

    port: int | None = None
    history: str | None = None
    base: bool = False  # only the servers and the gateway, for working on the rest
    take_over: bool = False  # whoever owned the servers before


def make_plan(data: DataDirectory, options: Options, console: Console) -> Plan:
    """Choose what is still open (ports, passwords), refuse what cannot be, and remember the choices."""
    data.prepare()
    kept = data.kept()
    given = _given(kept.get("given", {}))
    gateway.tls_of(_settings(data, given))
    chosen = ports.choose(PORTS, kept.get("ports", {}))
    chosen["gateway"] = _gateway_port(options.port, kept.get("ports", {}), set(chosen.values()))
    history = _history(options.history, kept.get("history"), given)
    # A directory of an older version has no id yet: the servers that it uses are its own.
    take_over = options.take_over or bool(kept and "stack" not in kept)
    kept = {
        "stack": kept.get("stack") or secrets.token_hex(8),
        "ports": chosen,
        "history": history,
        "secrets": {name: kept.get("secrets", {}).get(name) or make() for name, make in _SECRETS.items()},
        "given": given,
        "kafka_logins": access.passwords(os.environ),
    }
    data.write("kept.json", kept)
    ensure_logins(data, history)
    plan = replace(kept_plan(data, kept, console), take_over=take_over)
    # Beside the servers alone there is nothing of ours to protect: programs under development register their schemas.
    return replace(plan, secrets={**plan.secrets, "registry": ""}) if options.base else plan


_SECRETS: dict[str, Callable[[], str]] = {
    "postgres": partial(secrets.token_urlsafe, 24),
    "csrf": partial(secrets.token_urlsafe, 32),
    "inbox": partial(secrets.token_urlsafe, 16),
    "registry": registry.new_key,
    **{f"kafka.{user}": partial(secrets.token_urlsafe, 24) for user in KAFKA_USERS},
    **{f"role.{role}": partial(secrets.token_urlsafe, 24) for role in DATABASE_ROLES},
}


def kept_plan(data: DataDirectory, kept: dict[str, Any], console: Console) -> Plan:
    """The plan that `kept.json` holds. What came with a newer version is only chosen by the next `up`."""
    given = kept["given"]
    return Plan(
        data=data,
        ports={**dict.fromkeys(PORTS, 0), **kept["ports"]},
        secrets={**dict.fromkeys(_SECRETS, ""), **kept["secrets"]},
        given=given,
        settings=_settings(data, given),
        history=kept["history"],
        stack=kept.get("stack", ""),
        kafka_logins=kept.get("kafka_logins", {}),
        kafka_home=cache(lambda: downloads.kafka_home(console)),
        registry_home=cache(lambda: downloads.registry_home(console)),
    )


def _settings(data: DataDirectory, given: dict[str, str]) -> settings.Settings:
    """What was given this time, and nothing that the run before left in `stack.json`."""
    return settings.parse({**given, "ATES_DATA": str(data.path)})


def _given(before: dict[str, str]) -> dict[str, str]:
    """The user's own settings that hold for the whole stack. A mistake in one stops `up` at once."""
    settings.load("", {k: v for k, v in os.environ.items() if k != "ATES_DATA"})
    given = {k: v for k, v in settings.given(os.environ).items() if k not in _OWN_SETTINGS and v}
    return {**{name: before[name] for name in _KEPT_SETTINGS if name in before}, **given}


def _gateway_port(wanted: int | None, kept: dict[str, int], avoid: set[int]) -> int:
    if wanted == 0:
        return ports.choose(["gateway"], {"gateway": kept.get("gateway", 0)})["gateway"]
    port = wanted or kept.get("gateway") or DEFAULT_PORT
    if port in avoid:
        raise StackError("port_taken", f"port {port} is used by this stack itself; choose another with --port")
    ports.require_free(port)
    return port


def _history(wanted: str | None, kept: str | None, given: dict[str, str]) -> str:
    """A made-up company is asked for by name where it would stay in servers that the user brought."""
    if wanted == "empty" and kept == "demo":
        raise StackError(
            "has_demo", "this data directory holds the demo company; use another --data, or `ates reset --yes`"
        )
    return wanted or kept or ("empty" if given.keys() & REPLACES.keys() else "demo")

"""What runs, where it is, and whether it is ready."""

from __future__ import annotations

import asyncio
from typing import Any

from ates.embedded import postgres, probes, registry
from ates.embedded.choices import kept_plan
from ates.embedded.console import Console
from ates.embedded.datadir import DataDirectory
from ates.embedded.identity import alive
from ates.embedded.processes import REPLACES, Plan, Process, gateway_url, inbox_url, table
from ates.platform import settings
from ates.platform.registry import authorization


async def status(data: DataDirectory) -> dict[str, Any]:
    """What `ates status --json` prints: addresses, and one entry per process with why it is not ready.

    Asks every process, takes a few seconds at most.
    """
    data.check()
    kept = data.kept()
    if not kept:
        return {"ready": False, **dict.fromkeys(_ADDRESSES), "data_dir": str(data.path), "services": []}
    plan = kept_plan(data, kept, Console())
    running = data.running()
    entries = [entry for entry in table(plan) if isinstance(entry, Process)]
    services = [*await asyncio.gather(*(_service(entry, running) for entry in entries)), *await _replaced(plan)]
    return {
        "ready": all(service["ready"] for service in services),
        "gateway": gateway_url(plan),
        "kafka": plan.given.get("ATES_KAFKA") or plan.address("kafka"),
        "registry": plan.given.get("ATES_REGISTRY") or registry.url(plan.address("registry")),
        "postgres": plan.admin_dsn() if plan.embeds("postgres") else postgres.without_password(plan.admin_dsn()),
        "smtp_inbox": inbox_url(plan) if plan.embeds("inbox") else None,
        "data_dir": str(data.path),
        "services": services,
    }


_ADDRESSES = ("gateway", "kafka", "registry", "postgres", "smtp_inbox")


async def _service(process: Process, running: dict[str, Any]) -> dict[str, Any]:
    child = alive(running.get("processes", {}).get(process.id))
    known = running.get("processes", {}).get(process.id, {})
    restarts, ended = int(known.get("restarts", 0)), str(known.get("ended", ""))
    reason = await process.probe() if child else f"not running{f': {ended}' if ended else ''}"
    entry = {"name": process.id, "kind": process.kind, "pid": child.pid if child else None}
    url = {"url": process.url} if process.kind == "web" else {}
    again = {"restarts": restarts, "restart_reason": ended} if restarts else {}
    return {**entry, "ready": not reason, "reason": reason, **url, **again}


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
    return probes.http(f"{given.registry}/subjects", authorization(given), ca=given.registry_ca)


def _smtp_probe(address: str) -> probes.Probe:
    host, _, port = address.rpartition(":")
    return probes.port(host or address, int(port) if port.isdigit() else 25)

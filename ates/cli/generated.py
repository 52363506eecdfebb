"""The files of a checkout that repeat the topology: each block between two marks is written anew from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from ates.domain.errors import AtesError
from ates.embedded import compose_services
from ates.tools.describe import asyncapi, chart, picture, tables, text
from ates.topology import WORKERS
from ates.topology_types import Worker

BLOCKS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "docs/architecture.md": {
        "containers": lambda: _drawn(picture.containers()),
        "processes": tables.processes,
        "components": lambda: "".join(f"\n### {worker.id}\n{_components(worker)}" for worker in WORKERS.values()),
        "picture": lambda: _drawn(picture.mermaid()),
    },
    "docs/links.md": {"links": tables.links},
    "docs/business-and-cud-events.md": {
        "business": tables.business,
        "cud": tables.cud,
        "commands": tables.commands,
    },
    "docs/domain.md": {"tables": tables.agent_tables, "read models": tables.read_models},
    "docs/events.md": {"topics": lambda: f"\n{text.topic_table()}\n"},
    "docker-compose.yml": {
        "workers": lambda: f"\n{compose_services.workers()}\n",
        "passwords": compose_services.passwords,
        "healthy": compose_services.healthy,
        "processes": compose_services.processes,
    },
}
"""File -> name of a block -> what has to stand in it."""


ASYNCAPI = "asyncapi.yaml"
CHART = "deploy/helm/ates/files/topology.yaml"


def current(root: Path) -> dict[str, str]:
    """File -> its text with every block as the topology says. Raises `AtesError` where there is no checkout."""
    renewed = {name: _renewed(root / name, blocks) for name, blocks in BLOCKS.items()}
    return {**renewed, ASYNCAPI: _yaml(asyncapi.document()), CHART: _yaml(chart.document())}


def write(root: Path) -> list[str]:
    """Write what has changed below `root`; the files. Raises `AtesError`."""
    changed = {root / name: new for name, new in current(root).items() if _text(root / name) != new}
    for path, new in changed.items():
        path.write_text(new, encoding="utf-8")
    return [path.name for path in changed]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _yaml(document: object) -> str:
    import yaml  # a tool of the checkout: what runs does not need it

    said: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    return f"# Written by: ates topology --write\n{said}"


def _drawn(mermaid: str) -> str:
    return f"\n```mermaid\n{mermaid}```\n\n"


def _components(worker: Worker) -> str:
    purpose = f"{worker.description[0].upper()}{worker.description[1:]}.\n"
    return _drawn(picture.components(worker)) + purpose + tables.agents(worker)


def _renewed(path: Path, blocks: Mapping[str, Callable[[], str]]) -> str:
    if not path.is_file():
        raise AtesError("no_checkout", f"{path} is not there: this needs a checkout of aTES as the current directory")
    content = path.read_text(encoding="utf-8")
    for name, render in blocks.items():
        mark = r"[ ]*(?:#|<!--) {}[^\n]*\n"
        block = re.compile(f"({mark.format(f'topology: {name}')}).*?({mark.format('/topology')})", re.DOTALL)
        before, *rest = block.split(content)
        if len(rest) != 3:
            raise AtesError("mark_missing", f"{path} should have one block {name!r} of the topology")
        begins, ends, after = rest
        content = f"{before}{begins}{render()}{ends}{after}"
    return content

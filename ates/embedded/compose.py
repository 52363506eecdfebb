"""docker-compose.yml's side of the table: the same processes in containers, other addresses.

`python -m ates.embedded.compose DIRECTORY` is the one thing containers need that no image brings: it writes the
gateway's configuration, and the first logins when there are none, and prints the logins.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from ates.embedded import gateway
from ates.embedded.datadir import DataDirectory, ensure_logins
from ates.embedded.processes import PORTS, Plan
from ates.platform import settings
from ates.topology import PROCESSES

DATA = Path("/var/lib/ates")
HTTP_PORT = 8000  # of every container of ours

_PORTS = {
    "kafka": 9092,
    "kafka.controller": 9093,
    "registry": 8080,
    "postgres": 5432,
    "smtp": 1025,
    "inbox": 8025,
    "gateway": 8080,
    "gateway.admin": 9901,
}
_CONTAINERS = ("kafka", "registry", "postgres", *PROCESSES)


def service(process: str) -> str:
    """Name of a process's service, which is its host name too."""
    return process.replace(".", "-")


def plan(secrets: Mapping[str, str]) -> Plan:
    """The table's input for containers."""
    return Plan(
        data=DataDirectory(DATA),
        ports={name: _PORTS.get(name, HTTP_PORT) for name in (*PORTS, "gateway")},
        hosts={**{name: service(name) for name in _CONTAINERS}, "smtp": "inbox", "inbox": "inbox"},
        secrets=secrets,
        given={},
        settings=settings.Settings(),
        history="empty",
    )


def addresses() -> gateway.Addresses:
    """The gateway listens for the host; its admin page stays inside its container."""
    return gateway.Addresses(
        listen=("0.0.0.0", _PORTS["gateway"]),  # noqa: S104 (a container's own network)
        admin="/tmp/admin.sock",  # noqa: S108 (of its container)
        inside=("127.0.0.1", _PORTS["gateway.admin"]),
        services={name: (service(f"web.{name}"), HTTP_PORT) for name in gateway.SERVICES},
    )


def prepare(directory: Path) -> list[dict[str, str]]:
    """Write what the other containers read from `directory`; gives the logins."""
    data = DataDirectory(directory)
    (directory / "gateway").mkdir(exist_ok=True)
    gateway.write(directory / "gateway" / "envoy.yaml", addresses())
    ensure_logins(data, "empty")
    return data.logins()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(prepare(Path(sys.argv[1]))) + "\n")

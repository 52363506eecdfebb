"""The Helm chart's side of the gateway: `python -m ates.embedded.kubernetes PREFIX FILE` writes Envoy's configuration,
whose front ends are the services `PREFIX-web-auth`, … of the same namespace."""

from __future__ import annotations

import sys
from pathlib import Path

from ates.embedded import gateway
from ates.embedded.compose import HTTP_PORT, service
from ates.platform import settings

GATEWAY_PORT, STATS_PORT = 8080, 9901


def addresses(prefix: str, given: settings.Settings) -> gateway.Addresses:
    """It listens in its pod; TLS ends before it. `given` has the public origin and the number of proxies."""
    everywhere = "0.0.0.0"  # noqa: S104 (of its pod; NetworkPolicies say who reaches it)
    return gateway.Addresses(
        listen=(everywhere, GATEWAY_PORT),
        admin="/tmp/admin.sock",  # noqa: S108 (of its pod)
        inside=(everywhere, STATS_PORT),
        services={name: (f"{prefix}-{service(f'web.{name}')}", HTTP_PORT) for name in gateway.SERVICES},
        proxies=given.proxies,
        origin=given.gateway,
    )


if __name__ == "__main__":
    gateway.write(Path(sys.argv[2]), addresses(sys.argv[1], settings.load()))

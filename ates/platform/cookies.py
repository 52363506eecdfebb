"""What the cookies of a stack are called: browsers send those of one host to all of its ports. Pure."""

from typing import NamedTuple
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Names(NamedTuple):
    """`secure`: over TLS alone. Then the names say so too, and browsers take such cookies from nobody else."""

    access: str
    refresh: str
    device: str
    flash: str
    secure: bool


def names(gateway: str) -> Names:
    """Those of the stack whose gateway has this public origin, such as `ates_access_8080`.

    Over TLS `__Host-`, which no subdomain and no plain page can set; `__Secure-` for those that go to auth alone.
    """
    parts = urlsplit(gateway)
    secure = parts.scheme == "https"
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    host, secured = ("__Host-", "__Secure-") if secure else ("", "")
    return Names(
        access=f"{host}ates_access_{port}",
        refresh=f"{secured}ates_refresh_{port}",
        device=f"{secured}ates_device_{port}",
        flash=f"{host}ates_flash_{port}",
        secure=secure,
    )

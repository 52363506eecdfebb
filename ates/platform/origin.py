"""The public origin of a stack, and who can reach it. Pure."""

from urllib.parse import urlsplit


def only_here(gateway: str) -> bool:
    """Whether the gateway is reached from this machine alone. A certificate is for others."""
    parts = urlsplit(gateway)
    return parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")

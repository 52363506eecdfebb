"""Values that a client carries for us and cannot change: JSON with a keyed hash (HMAC-SHA-256) beside it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json


def seal(secret: str, purpose: str, value: object) -> str:
    """`value`, which is JSON, as URL-safe text. A seal of one purpose is none of another."""
    body = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    return f"{body}.{_mac(secret, purpose, body)}"


def unseal(secret: str, purpose: str, text: str) -> object:
    """The value in `text`; None when it is not sealed by us for this purpose."""
    body, _, mac = text.rpartition(".")
    if not hmac.compare_digest(mac.encode(), _mac(secret, purpose, body).encode()):
        return None
    try:
        found: object = json.loads(base64.urlsafe_b64decode(body))
    except (ValueError, binascii.Error):
        return None
    return found


def _mac(secret: str, purpose: str, body: str) -> str:
    return hmac.new(f"{purpose}:{secret}".encode(), body.encode(), hashlib.sha256).hexdigest()

"""Headers of every answer: what pages of ours never do (inline scripts, frames, loads from elsewhere); no caching."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

# Pico draws its icons from data: URLs; nothing else comes from anywhere but ourselves.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_IN_URLS = "%/:=&?~#+!$,;'@()*[]"
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Nearly everything is one person's; the few answers that anybody may keep say so themselves.
    "Cache-Control": "no-store",
}


def add(app: web.Application) -> None:
    """Send them with every answer; what a handler has set itself stays. A `Location` has no character unescaped."""
    app.on_response_prepare.append(_set)


async def _set(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if location := response.headers.get("Location"):
        response.headers["Location"] = quote(location, safe=_IN_URLS, errors="replace")

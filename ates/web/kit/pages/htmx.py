"""htmx follows redirects by itself and would put a whole page, such as the login, into a part of this one."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """For a request of htmx, a redirect becomes an order to the browser to go there."""
    try:
        response = await handler(request)
    except web.HTTPRedirection as redirect:
        response = redirect
    if "HX-Request" not in request.headers or not 300 <= response.status < 400:
        return response
    instead = web.Response(status=200, headers={"HX-Redirect": response.headers["Location"]})
    for morsel in response.cookies.values():
        instead.cookies[morsel.key] = morsel
    return instead

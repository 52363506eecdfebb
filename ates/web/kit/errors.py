"""Every error of a handler, once: problem+json for programs, a page for people. Never a stack trace."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from ates.domain.errors import AtesError
from ates.web.kit import problems
from ates.web.kit.keys import REQUEST_ID, SERVICE
from ates.web.kit.pages import negotiation, pages
from ates.web.kit.pages.negotiation import HTML, JSON, PROBLEM
from ates.web.kit.statuses import status_of

_log = structlog.get_logger()


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer for whatever `handler` raises; redirects and answers made on purpose pass."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = answer(request, problems.from_exception(error))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except Exception as error:
        response = answer(request, _logged(error))
        if response.status == HTTPStatus.BAD_REQUEST:
            # Nobody knows where the next request would begin: none may come over this connection.
            response.force_close()
        return response


def _logged(error: Exception) -> AtesError:
    ours = problems.from_exception(error)
    status = status_of(ours)
    if status == 500:
        _log.exception("a request failed", code=ours.code)
    elif status == 503:
        _log.warning("a request could not be served", code=ours.code, reason=str(error.__cause__ or error))
    return ours


def answer(request: web.Request, error: AtesError) -> web.Response:
    """`error` in the form that this request understands."""
    if wants_page(request):
        response = pages.render(
            request, "error.html", {"error": error, "status": status_of(error)}, status=status_of(error)
        )
        response.headers.update(problems.headers(error))
        return response
    return problems.response(error, instance=request.path, request_id=request[REQUEST_ID])


def wants_page(request: web.Request) -> bool:
    """Whether a person looks at the answer: anything but the API, health and files, unless `Accept` prefers JSON."""
    service = request.app[SERVICE]
    machines = (f"/{service}/api/", f"/{service}/static/", f"/{service}/livez", f"/{service}/readyz", f"/{service}/.")
    return (
        request.path.startswith(f"/{service}/")
        and not request.path.startswith(machines)
        and not request.path.endswith((".json", ".csv"))
        and negotiation.liked(request, (HTML, PROBLEM, JSON)) == HTML
    )

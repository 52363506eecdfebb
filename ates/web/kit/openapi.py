"""`/{service}/openapi.json`: the API as OpenAPI 3.1, made from the routes and from what a front end says of each.

Paths, methods and who may call come from the routes, the summary from a handler's docstring; shapes and statuses from
the front end's `operations.py`, which has an entry for each route of its API (tests compare, and fuzz).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractView
from aiohttp.typedefs import Handler

from ates.domain.accounts.permissions import PERMISSIONS
from ates.web.kit.identity.security import action_of, is_public
from ates.web.kit.inputs import MAX_KEY_LENGTH, MAX_LIMIT, MAX_WAIT_SECONDS
from ates.web.kit.keys import SERVICE
from ates.web.kit.pages import negotiation
from ates.web.kit.pages.negotiation import JSON

Schema = Mapping[str, Any]
Operations = Mapping[str, "Operation"]

TEXT: Schema = {"type": "string"}
ID: Schema = {"type": "string", "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": "string", "format": "date"}
CENTS: Schema = {"type": "integer", "description": "integer cents"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {}
LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
PAGING: Mapping[str, Schema] = {"limit": LIMIT, "cursor": TEXT}

_PROBLEM = "#/components/schemas/Problem"
_NO_JSON = "application/problem+json"
_ALWAYS = {
    400: "not a request that can be understood",
    401: "no valid access token",
    403: "the role does not allow this",
    404: "there is no such thing",
    406: "no form of the answer that `Accept` takes",
    409: "a rule of the business refuses",
    413: "too large",
    422: "a field is wrong, and named",
    429: "too many tries",
    503: "something is away; try again after `Retry-After`",
}


def one_of(*values: str) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(values)}


def maybe(schema: Schema) -> Schema:
    """This, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def shape(**fields: Schema) -> Schema:
    """An object with all of these fields, and perhaps more."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def body(*required: str, **fields: Schema) -> Schema:
    """A request's object; fields that are not `required` may be left out."""
    return {"type": "object", "properties": fields, "required": list(required)}


def many(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def page(schema: Schema) -> Schema:
    """A page of a list: `next` is the cursor of the page after it."""
    return shape(items=many(schema), next=maybe(TEXT))


COMMAND_ID = shape(command_id=ID)
COMMAND = {
    **shape(command_id=ID, status=one_of("pending", "applied", "rejected")),
    "description": "`rejected` has code and detail, `applied` a result.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """answers: status → shape of its JSON, None for no body; errors come beside them
    query: parameters of the URL, none of them required
    takes: the JSON body
    errors: statuses of problems that not every operation has
    makes: takes `Idempotency-Key`; waits: takes `Prefer: wait=N`
    media: other forms that the first answer may have
    codes: codes of problems that a client acts upon -> what it does
    """

    answers: Mapping[int, Schema | None]
    query: Mapping[str, Schema] = field(default_factory=dict)
    takes: Schema | None = None
    errors: tuple[int, ...] = ()
    makes: bool = False
    waits: bool = False
    media: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)


# Every front end that sends commands has it.
COMMAND_STATUS = Operation({200: COMMAND}, errors=(404,))


def add(app: web.Application, operations: Operations) -> None:
    """Serve the document at the service's own port; the gateway keeps it inside. Hold requests to it by `Accept`."""

    @web.middleware
    async def acceptable(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        method = "GET" if request.method == "HEAD" else request.method
        if operation := operations.get(f"{method} {resource.canonical if resource else ''}"):
            negotiation.best(request, _media(operation))
        return await handler(request)

    app.middlewares.append(acceptable)

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(document(request.app, operations))

    app.router.add_get(f"/{app[SERVICE]}/openapi.json", answer)


def routes(app: web.Application) -> Iterator[tuple[str, str, Any]]:
    """Method, path and handler of every route of the API."""
    service = app[SERVICE]
    for route in app.router.routes():
        path = route.resource.canonical if route.resource else ""
        if path.startswith((f"/{service}/api/", f"/{service}/.well-known/")) and route.method != "HEAD":
            yield route.method, path, route.handler


def document(app: web.Application, operations: Operations) -> dict[str, Any]:
    """The whole document. A route without an entry in `operations` is left out."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, handler in routes(app):
        if operation := operations.get(f"{method} {path}"):
            paths.setdefault(path, {})[method.lower()] = _operation(path, handler, operation)
    service = app[SERVICE]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"aTES {service}",
            "version": version("ates"),
            "description": "Money is integer cents, times are RFC 3339 in UTC, errors RFC 9457 problems with a `code`.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "schemas": {"Problem": _problem()},
        },
    }


def _operation(path: str, handler: Any, operation: Operation) -> dict[str, Any]:
    public, action = is_public(handler), action_of(handler)
    errors = {400, 406, 422, 503, *operation.errors}
    if not public:
        errors |= {401, 403} if action else {401}
    if "{" in path:
        errors.add(404)
    if operation.takes is not None:
        errors.add(413)
    found: dict[str, Any] = {
        "summary": _summary(handler),
        "parameters": [*_path(path), *_query(operation), *_headers(operation)],
        "responses": {**_answers(operation), **{str(status): _error(status) for status in sorted(errors)}},
        "security": [] if public else [{"bearer": []}],
    }
    described = [f"For {', '.join(sorted(PERMISSIONS[action]))}."] if action else []
    described += [f"`{code}`: {advice}." for code, advice in operation.codes.items()]
    if described:
        found["description"] = " ".join(described)
    if operation.takes is not None:
        found["requestBody"] = {
            "required": bool(operation.takes.get("required")),
            "content": {"application/json": {"schema": operation.takes}},
        }
    return found


def _summary(handler: Any) -> str:
    if isinstance(handler, type) and issubclass(handler, AbstractView):
        return ""
    return (inspect.getdoc(handler) or "").partition("\n\n")[0].replace("\n", " ").removesuffix(".")


def _path(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {**TEXT, "minLength": 1}}
        for name in re.findall(r"\{(\w+)", path)
    ]


def _query(operation: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": schema} for name, schema in operation.query.items()]


def _headers(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if operation.makes:
        key = {**TEXT, "maxLength": MAX_KEY_LENGTH, "pattern": "^[!-~]+$"}
        description = "the same key with the same body: one effect, the same answer"
        found.append({"name": "Idempotency-Key", "in": "header", "schema": key, "description": description})
    if operation.waits:
        description = f"`wait=N`: seconds to wait for the outcome, at most {MAX_WAIT_SECONDS:g}"
        schema = {**TEXT, "pattern": "^wait=[0-2]$"}
        found.append({"name": "Prefer", "in": "header", "schema": schema, "description": description})
    return found


def _answers(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, (status, schema) in enumerate(operation.answers.items()):
        answer: dict[str, Any] = {"description": _SAID[status]}
        if schema is not None:
            media = {JSON: {"schema": schema}} if schema else {}
            others = operation.media if number == 0 else ()
            answer["content"] = {**media, **{kind: {"schema": TEXT} for kind in others}}
        found[str(status)] = answer
    return found


def _media(operation: Operation) -> tuple[str, ...]:
    """The forms that an answer may have; one without a schema, and with another form, is never JSON."""
    schema = next(iter(operation.answers.values()))
    return operation.media if operation.media and not schema else (JSON, *operation.media)


_SAID = {200: "as asked", 201: "made", 202: "on its way; ask at `Location`", 204: "done"}


def _error(status: int) -> dict[str, Any]:
    return {"description": _ALWAYS[status], "content": {_NO_JSON: {"schema": {"$ref": _PROBLEM}}}}


def _problem() -> Schema:
    fields = {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "code": TEXT, "detail": TEXT}
    return {**shape(**fields), "description": "RFC 9457; `code` is stable."}

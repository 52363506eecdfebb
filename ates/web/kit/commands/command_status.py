"""`GET /{service}/api/commands/{id}`: what became of a command, for who sent it."""

from __future__ import annotations

from aiohttp import web

from ates.domain.errors import Rejected
from ates.web.kit.commands.outcomes import OUTCOMES, Decision, aggregate
from ates.web.kit.identity.security import identity_of
from ates.web.kit.inputs import identifier
from ates.web.kit.keys import SERVICE


def add(app: web.Application) -> None:
    """Serve it for the commands of this service."""
    app.router.add_get(f"/{app[SERVICE]}/api/commands/{{id}}", _status)


def location(service: str, command_id: str) -> str:
    """Where a command's status is."""
    return f"/{service}/api/commands/{command_id}"


def accepted(request: web.Request, command_id: str) -> web.Response:
    """202: the command is on its way, and this is where to ask."""
    where = location(request.app[SERVICE], command_id)
    return web.json_response({"command_id": command_id}, status=202, headers={"Location": where})


async def _status(request: web.Request) -> web.Response:
    """What became of a command of yours; pending for one that is not decided."""
    command_id = identifier(request.match_info["id"])
    if command_id is None:
        raise not_found()
    rows = await request.app[OUTCOMES].rows(command_id)
    if rows and rows[0]["actor_id"] != identity_of(request).account_id:
        raise not_found()
    return web.json_response(as_json(command_id, aggregate(rows)))


def not_found() -> Rejected:
    """404, the same for a command that is none and for somebody else's."""
    return Rejected("command_not_found", "There is no such command of yours.")


def as_json(command_id: str, decision: Decision | None) -> dict[str, object]:
    """The contract's shape; `pending` while it is not decided."""
    if decision is None:
        return {"command_id": command_id, "status": "pending"}
    if decision.status == "rejected":
        refusal = {"code": decision.code, "detail": decision.detail}
        return {"command_id": command_id, "status": "rejected", **refusal}
    return {"command_id": command_id, "status": "applied", "result": decision.result}

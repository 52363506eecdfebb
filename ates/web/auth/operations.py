"""What each route of the identity API takes and answers."""

from __future__ import annotations

from ates.domain.accounts.permissions import ROLES
from ates.web.kit.openapi import (
    ANYTHING,
    COUNT,
    FLAG,
    ID,
    PAGING,
    TEXT,
    TIME,
    Operation,
    body,
    many,
    maybe,
    one_of,
    page,
    shape,
)

_ROLE = one_of(*ROLES)
_WHO = {"id": ID, "login": TEXT, "name": TEXT, "email": TEXT, "role": _ROLE}
_ACCOUNT = shape(**_WHO, active=FLAG)
_TOKEN = shape(access_token=TEXT, token_type=one_of("Bearer"), expires_in=COUNT, csrf_token=TEXT, account=shape(**_WHO))
_LONG_ENOUGH = {**TEXT, "minLength": 8, "maxLength": 200}
_CONFIRMATION = {"current_password": TEXT}
_CONFIRMED = {"confirmation_required": "the session is older than 15 minutes; send `current_password`, one's own, too"}
_CODES = {
    "code_wrong": "a code is good for its thirty seconds, one step before and after, and once",
    "challenge_expired": "log in again",
}
_DONE = shape(
    sequence=COUNT,
    at=TIME,
    actor_id=ID,
    actor=TEXT,
    address=TEXT,
    action=TEXT,
    account_id=maybe(ID),
    account=maybe(TEXT),
    changes=ANYTHING,
)
_SETUP = shape(secret=TEXT, uri=TEXT)
_ROLES = shape(roles=many(_ROLE))
_FIELDS = {"name": TEXT, "email": TEXT, "role": _ROLE, "password": _LONG_ENOUGH}

OPERATIONS = {
    "GET /auth/.well-known/jwks.json": Operation({200: shape(keys=many(ANYTHING))}),
    "POST /auth/api/login": Operation(
        {200: _TOKEN},
        takes=body("login", "password", login=TEXT, password=TEXT),
        errors=(401, 413, 429),
        codes={
            "code_required": "send the problem's `challenge` with a code to `/auth/api/login/code`",
            "second_factor_required": "send the `challenge` to `/auth/api/login/second-factor` first, for a secret",
        },
    ),
    "POST /auth/api/login/code": Operation(
        {200: _TOKEN},
        takes=body("challenge", "code", challenge=TEXT, code=TEXT),
        errors=(401, 413, 429),
        codes=_CODES,
    ),
    "POST /auth/api/login/second-factor": Operation(
        {200: _SETUP}, takes=body("challenge", challenge=TEXT), errors=(401, 409, 413, 429)
    ),
    "GET /auth/api/second-factor": Operation({200: shape(active=FLAG, since=maybe(TIME), recovery_codes=COUNT)}),
    "POST /auth/api/second-factor": Operation(
        {200: _SETUP}, takes=body("current_password", current_password=TEXT), errors=(409, 429)
    ),
    "POST /auth/api/second-factor/confirm": Operation(
        {200: shape(recovery_codes=many(TEXT))}, takes=body("code", code=TEXT), errors=(409, 429)
    ),
    "POST /auth/api/second-factor/remove": Operation(
        {204: None}, takes=body("current_password", "code", current_password=TEXT, code=TEXT), errors=(409, 429)
    ),
    "GET /auth/api/second-factor/roles": Operation({200: _ROLES}),
    "PUT /auth/api/second-factor/roles": Operation(
        {200: _ROLES},
        takes=body("roles", roles=many(_ROLE), **_CONFIRMATION),
        errors=(409, 429),
        codes=_CONFIRMED,
    ),
    "POST /auth/api/accounts/{id}/second-factor/reset": Operation(
        {200: _ACCOUNT}, takes=body(**_CONFIRMATION), errors=(409, 429), codes=_CONFIRMED
    ),
    "POST /auth/api/refresh": Operation({200: _TOKEN}, errors=(401, 403, 409, 429)),
    "POST /auth/api/logout": Operation({204: None}, errors=(401, 403)),
    "POST /auth/api/password": Operation(
        {200: _TOKEN}, takes=body("current", "password", current=TEXT, password=_LONG_ENOUGH), errors=(401, 403, 429)
    ),
    "GET /auth/api/administration": Operation({200: page(_DONE)}, query=PAGING),
    "GET /auth/api/accounts": Operation({200: page(_ACCOUNT)}, query=PAGING),
    "POST /auth/api/accounts": Operation(
        {201: _ACCOUNT},
        takes=body("login", "password", "name", "email", "role", login=TEXT, **_FIELDS, **_CONFIRMATION),
        errors=(409, 429),
        makes=True,
        codes=_CONFIRMED,
    ),
    "PATCH /auth/api/accounts/{id}": Operation(
        {200: _ACCOUNT},
        takes=body(active=FLAG, **_FIELDS, **_CONFIRMATION),
        errors=(409, 429),
        codes=_CONFIRMED,
    ),
}

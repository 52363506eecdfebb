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
_DONE = shape(
    sequence=COUNT,
    at=TIME,
    actor_id=ID,
    actor=TEXT,
    address=TEXT,
    action=TEXT,
    account_id=ID,
    account=TEXT,
    changes=ANYTHING,
)
_FIELDS = {"name": TEXT, "email": TEXT, "role": _ROLE, "password": _LONG_ENOUGH}

OPERATIONS = {
    "GET /auth/.well-known/jwks.json": Operation({200: shape(keys=many(ANYTHING))}),
    "POST /auth/api/login": Operation(
        {200: _TOKEN}, takes=body("login", "password", login=TEXT, password=TEXT), errors=(401, 413, 429)
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
    ),
    "PATCH /auth/api/accounts/{id}": Operation(
        {200: _ACCOUNT}, takes=body(active=FLAG, **_FIELDS, **_CONFIRMATION), errors=(409, 429)
    ),
}

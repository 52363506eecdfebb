"""What each route of the identity API takes and answers."""

from __future__ import annotations

from ates.accounts.permissions import ROLES
from ates.web.kit.openapi import ANYTHING, COUNT, FLAG, ID, PAGING, TEXT, Operation, body, many, one_of, page, shape

_ROLE = one_of(*ROLES)
_WHO = {"id": ID, "login": TEXT, "name": TEXT, "email": TEXT, "role": _ROLE}
_ACCOUNT = shape(**_WHO, active=FLAG)
_TOKEN = shape(access_token=TEXT, token_type=one_of("Bearer"), expires_in=COUNT, csrf_token=TEXT, account=shape(**_WHO))
_LONG_ENOUGH = {**TEXT, "minLength": 8, "maxLength": 200}
_FIELDS = {"name": TEXT, "email": TEXT, "role": _ROLE, "password": _LONG_ENOUGH}

OPERATIONS = {
    "GET /auth/.well-known/jwks.json": Operation({200: shape(keys=many(ANYTHING))}),
    "POST /auth/api/login": Operation(
        {200: _TOKEN}, takes=body("login", "password", login=TEXT, password=TEXT), errors=(401, 413, 429)
    ),
    "POST /auth/api/refresh": Operation({200: _TOKEN}, errors=(401, 403, 409, 429)),
    "POST /auth/api/logout": Operation({204: None}, errors=(401, 403)),
    "GET /auth/api/accounts": Operation({200: page(_ACCOUNT)}, query=PAGING),
    "POST /auth/api/accounts": Operation(
        {201: _ACCOUNT},
        takes=body("login", "password", "name", "email", "role", login=TEXT, **_FIELDS),
        errors=(409,),
        makes=True,
    ),
    "PATCH /auth/api/accounts/{id}": Operation({200: _ACCOUNT}, takes=body(active=FLAG, **_FIELDS), errors=(409,)),
}

"""Everybody on this machine may read the stack's schemas; to register or delete one takes the stack's token."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import jwt
import pytest
from as_operator import settings_of

from ates.embedded.registry import new_key, token
from ates.platform.registry import authorization

pytestmark = pytest.mark.stack

RECORD = {"schema": '{"type": "record", "name": "Stray", "fields": []}'}
CLAIMS = {"sub": "ates", "groups": ["sr-admin"], "iat": 0, "exp": 4_102_444_800}
FORGED = {
    "nobody": "",
    "another key": f"Bearer {token(new_key())}",
    "no signature": f"Bearer {jwt.encode(CLAIMS, '', algorithm='none')}",
    "a password": "Basic YXRlczphdGVz",
}


@pytest.fixture
def http(stack: Any) -> Any:
    base = stack.said["registry"].removesuffix("/apis/ccompat/v7")
    with httpx.Client(base_url=base) as client:
        yield client


def test_strangers_read_every_schema(http: httpx.Client) -> None:
    subjects = http.get("/apis/ccompat/v7/subjects").json()
    assert len(subjects) > 5
    for subject in subjects:
        assert http.get(f"/apis/ccompat/v7/subjects/{subject}/versions/latest").status_code == 200


@pytest.mark.parametrize("who", FORGED)
def test_strangers_write_and_delete_nothing(http: httpx.Client, who: str) -> None:
    headers = {"Authorization": FORGED[who]} if FORGED[who] else {}
    before = http.get("/apis/ccompat/v7/subjects").json()
    subject = before[0]
    tried = [
        http.post(f"/apis/ccompat/v7/subjects/{uuid.uuid4()}/versions", json=RECORD, headers=headers),
        http.post(f"/apis/ccompat/v6/subjects/{uuid.uuid4()}/versions", json=RECORD, headers=headers),
        http.post("/apis/registry/v2/groups/default/artifacts", json=RECORD, headers=headers),
        http.delete(f"/apis/ccompat/v7/subjects/{subject}", headers=headers),
        http.delete(f"/apis/ccompat/v7/subjects/{subject}/versions/latest", headers=headers),
        http.delete(f"/apis/registry/v2/groups/default/artifacts/{subject}", headers=headers),
        http.delete("/apis/registry/v2/groups/default/artifacts", headers=headers),
        http.delete(f"/apis/registry/v1/artifacts/{subject}", headers=headers),
        http.put(f"/apis/ccompat/v7/config/{subject}", json={"compatibility": "NONE"}, headers=headers),
        http.post("/apis/registry/v2/admin/rules", json={"type": "VALIDITY", "config": "NONE"}, headers=headers),
        http.get("/apis/registry/v2/admin/export", headers=headers),
    ]
    assert {answer.status_code for answer in tried} <= {401, 403}
    assert http.get("/apis/ccompat/v7/subjects").json() == before
    assert http.get(f"/apis/ccompat/v7/subjects/{subject}/versions/latest").status_code == 200


def test_the_operator_registers_and_deletes(stack: Any, http: httpx.Client) -> None:
    headers = {"Authorization": authorization(settings_of(stack.data))}
    path = f"/apis/ccompat/v7/subjects/stray-{uuid.uuid4()}"
    assert http.post(f"{path}/versions", json=RECORD, headers=headers).status_code == 200
    assert http.delete(path, headers=headers).status_code == 200

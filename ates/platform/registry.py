"""The schema registry: any server that speaks Confluent's API. Knows nothing of what the schemas mean.

Every call raises `Unavailable` while the registry is away or refuses our credentials (`registry_unauthorized`),
`Unprocessable` (`schema_refused`) when it refuses what it was sent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpx
from schema_registry.client import AsyncSchemaRegistryClient
from schema_registry.client.errors import ClientError

from ates.domain.errors import AtesError, Unavailable, Unprocessable
from ates.platform import tls
from ates.platform.settings import Settings, require
from ates.schemas.references import inlined, name_of

# Whatever was written with any version can be read with any other: readers and writers upgrade in any order.
COMPATIBILITY = "FULL_TRANSITIVE"
SCHEMA_CHARS_MAX = 1024 * 1024
REFERENCES_MAX = 32
_TIMEOUT_S = 10.0
_CONNECTIONS = 8
_REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)

Schema = dict[str, Any]
JSON_SCHEMA: Schema = {"schemaType": "JSON"}
"""Stands for any JSON Schema: values written with it are JSON, whatever it says of them."""

# It logs every negative answer; here such an answer is a value.
logging.getLogger("schema_registry").setLevel(logging.WARNING)


class _Client(AsyncSchemaRegistryClient):  # type: ignore[misc]
    """The library's client on one pool of connections; its own opens a new one, with new TLS, for each call."""

    def __init__(self, settings: Settings) -> None:
        login = authorization(settings)
        trusted = tls.trusting("ATES_REGISTRY_CA", settings.registry_ca)
        super().__init__(settings.registry)
        self.pool = httpx.AsyncClient(
            headers={"Authorization": login} if login else None,
            timeout=_TIMEOUT_S,
            verify=trusted,
            limits=httpx.Limits(max_connections=_CONNECTIONS),
        )

    async def request(
        self,
        url: str,
        method: str = "GET",
        body: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        timeout: Any = httpx.USE_CLIENT_DEFAULT,  # noqa: ASYNC109 the library's own signature
    ) -> httpx.Response:
        sent = self.prepare_headers(body=body, headers=headers)
        answer = await self.pool.request(method, url, headers=sent, json=body, params=params, timeout=timeout)
        if answer.status_code in _REFUSED:  # before anybody takes a proxy's page for JSON
            raise ClientError(answer.reason_phrase, http_code=answer.status_code)
        return answer


def authorization(settings: Settings) -> str:
    """The header by which a client of the registry logs in; empty where it does not."""
    if settings.registry_token:
        return f"Bearer {settings.registry_token}"
    if settings.registry_username:
        pair = f"{settings.registry_username}:{settings.registry_password}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return ""


class Registry:
    """The registry of `ATES_REGISTRY`; connects when it is first asked something. `close` it, or use `async with`."""

    def __init__(self, settings: Settings) -> None:
        require(settings, "registry")
        self._client = _Client(settings)
        self._url = settings.registry

    async def close(self) -> None:
        await self._client.pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def id_of(self, subject: str, schema: Schema) -> int | None:
        """The id of `schema` in `subject`, None when it is not registered there."""
        with self._errors(subject):
            found = await self._client.check_version(subject, schema)
            return found.schema_id if found else None

    async def schema(self, schema_id: int) -> Schema | None:
        """The schema `schema_id`; None when there is none, an empty one when it is not an Avro record.

        It is not parsed: it may be anybody's. Raises `Unprocessable` (`unsafe_schema`) for a text beyond the limit.
        """
        with self._errors(f"schema {schema_id}"):
            found = await self._ask("get_by_id", schema_id=schema_id)
        if found is None:
            return None
        if found.get("schemaType", "AVRO") != "AVRO":
            return {}
        return _schema(str(found.get("schema")))

    async def any_schema(self, schema_id: int) -> Any:
        """The schema `schema_id` whatever it describes: Avro with its references in place, `JSON_SCHEMA` for one of
        JSON; None when there is none, an empty one when it is of no kind that is known here.

        It is not parsed: it may be anybody's. Raises `Unprocessable` (`unsafe_schema`) for a text beyond the limit,
        and for more than `REFERENCES_MAX` references.
        """
        with self._errors(f"schema {schema_id}"):
            found = await self._ask("get_by_id", schema_id=schema_id)
            if found is None:
                return None
            kind = found.get("schemaType") or "AVRO"
            if kind != "AVRO":
                return JSON_SCHEMA if kind == "JSON" else {}
            definitions: dict[str, Any] = {}
            await self._collect(found.get("references") or [], definitions)
            return inlined(_loaded(str(found.get("schema"))), definitions)

    async def _collect(self, references: list[dict[str, Any]], into: dict[str, Any]) -> None:
        """The schemas that `references` name, and those that these refer to, by full name."""
        for reference in references:
            subject, number = str(reference["subject"]), int(reference["version"])
            version = await self._ask("get_schema", subject=subject, version=number)
            schema = _loaded(str((version or {}).get("schema")))
            name = name_of(schema)
            if name in into:
                continue
            into[name] = schema
            if len(into) > REFERENCES_MAX:
                raise Unprocessable("unsafe_schema", f"a schema with more than {REFERENCES_MAX} references")
            await self._collect((version or {}).get("references") or [], into)

    async def subjects(self, schema_id: int) -> frozenset[str]:
        """The subjects that have the schema `schema_id` as a version; none when there is no such schema."""
        with self._errors(f"schema {schema_id}"):
            found = await self._ask("get_schema_subject_versions", schema_id=schema_id)
        return frozenset(version["subject"] for version in found or ())

    async def versions(self, subject: str) -> dict[int, Schema]:
        """Every version of `subject`, oldest first; none when there is no such subject."""
        with self._errors(subject):
            numbers = sorted(await self._client.get_versions(subject))
            found = await asyncio.gather(*(self._ask("get_schema", subject=subject, version=n) for n in numbers))
        return {n: _schema(str(version["schema"])) for n, version in zip(numbers, found, strict=True) if version}

    async def objections(self, subject: str, schema: Schema, version: int) -> list[str]:
        """What the registry says against `schema` beside `version` of an existing `subject`; nothing if it fits."""
        with self._errors(subject):
            verdict = await self._client.test_compatibility(subject, schema, version, verbose=True)
        if verdict and verdict.get("is_compatible"):
            return []
        said = verdict.get("messages") if verdict else None
        return [str(line) for line in said or ["the registry calls it incompatible"]]

    async def register(self, subject: str, schema: Schema) -> int:
        """Register `schema` as the next version of `subject`, unless it has it already; its id either way."""
        with self._errors(subject):
            return int(await self._client.register(subject, schema))

    async def compatibility(self, subject: str) -> str | None:
        """The level that `subject` demands of its versions, None when it has none of its own."""
        with self._errors(subject):
            try:
                return str(await self._client.get_compatibility(subject))
            except ClientError as error:
                if error.http_code == httpx.codes.NOT_FOUND:
                    return None
                raise

    async def demand_compatibility(self, subject: str, level: str) -> None:
        """Make an existing `subject` refuse versions that are not compatible in the way `level` says."""
        if await self.compatibility(subject) != level:
            with self._errors(subject):
                await self._client.update_compatibility(level, subject)

    async def _ask(self, question: str, **about: str | int) -> Any:
        """What the registry answers, None for `404 Not Found`."""
        url, method = self._client.url_manager.url_for(question, **about)
        response = await self._client.request(url, method=method)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if not response.is_success:
            raise ClientError(response.text[:200], http_code=response.status_code)
        return response.json()

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise _explained(error, what, self._url) from error
        except (httpx.HTTPError, json.JSONDecodeError) as error:
            if found := tls.refused(error):
                raise tls.untrusted(f"schema registry {self._url}", "ATES_REGISTRY_CA", found) from error
            reason = str(error) or type(error).__name__
            raise Unavailable("registry_unavailable", f"schema registry {self._url}: {reason}") from error


def _schema(text: str) -> Schema:
    schema = _loaded(text)
    return schema if isinstance(schema, dict) else {}


def _loaded(text: str) -> Any:
    if len(text) > SCHEMA_CHARS_MAX:
        raise Unprocessable("unsafe_schema", f"a schema of {len(text)} characters, {SCHEMA_CHARS_MAX} are the limit")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise Unprocessable("unsafe_schema", "a schema nested too deeply to be read") from error
    except ValueError:
        return {}


def _explained(error: ClientError, what: str, url: str) -> AtesError:
    answer = error.server_traceback
    said = answer.get("message", "") if isinstance(answer, dict) else str(answer or "")
    if error.http_code in _REFUSED:
        return Unavailable(
            "registry_unauthorized",
            f"schema registry {url} refuses ATES_REGISTRY_USERNAME and ATES_REGISTRY_PASSWORD, or ATES_REGISTRY_TOKEN",
        )
    if error.http_code in (httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY):
        return Unprocessable("schema_refused", f"{what}: {error.message}: {said}".rstrip(": "))
    return Unavailable("registry_unavailable", f"schema registry {url}: {what}: {error.message} {said}".rstrip())

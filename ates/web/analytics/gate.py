"""Whether a statement uses only what people's own SQL may use, by the parse tree that the server made of it.

Grants cannot forbid everything: an input function is called without asking (`text::polygon`), and an admin of one's own
server may not revoke what the server's superuser granted. The parse tree holds the object id of every function, type
and relation, whatever way the statement names them. `debug_print_parse` has the server send it, escaped so that no name
or value in the statement looks like a part of it (Postgres: `src/backend/nodes/outfuncs.c`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ates.domain.errors import Unprocessable
from ates.platform.db import allowed
from ates.web.kit.reading import Reader

SETTINGS = {"debug_print_parse": "on", "debug_pretty_print": "off", "client_min_messages": "log"}
"""Of the connection that a statement is prepared on."""

_FUNCTIONS = ("funcid", "opfuncid", "aggfnoid", "winfnoid")
_TYPES = (
    *("consttype", "vartype", "paramtype", "funcresulttype", "opresulttype", "aggtype", "wintype", "resulttype"),
    *("array_typeid", "element_typeid", "row_typeid", "refcontainertype", "refelemtype", "refrestype", "casetype"),
    *("coalescetype", "minmaxtype", "typeId", "typid", "type", "coltypes", "funccoltypes", "ctecoltypes"),
)
_NODES = frozenset(
    allowed.words(
        """
        AGGREF ALIAS ARRAY ARRAYCOERCEEXPR ARRAYEXPR BOOLEANTEST BOOLEXPR CASE CASEEXPR CASETESTEXPR CASEWHEN
        COALESCE COALESCEEXPR COERCEVIAIO COLLATE COLLATEEXPR COMMONTABLEEXPR CONST CONVERTROWTYPEEXPR
        CTECYCLECLAUSE CTESEARCHCLAUSE DISTINCTEXPR FIELDSELECT FROMEXPR FUNCDEPENDENCY FUNCEXPR GROUPINGFUNC
        GROUPINGSET JOINEXPR JSONBEHAVIOR JSONCONSTRUCTOREXPR JSONEXPR JSONFORMAT JSONISPREDICATE
        JSONRETURNING JSONTABLEPATH JSONTABLEPATHSCAN JSONTABLESIBLINGJOIN JSONVALUEEXPR MINMAX MINMAXEXPR
        NAMEDARGEXPR NULLIFEXPR NULLTEST OPEXPR PARAM QUERY RANGETBLENTRY RANGETBLFUNCTION RANGETBLREF
        RELABELTYPE ROW ROWCOMPARE ROWCOMPAREEXPR ROWEXPR RTE RTEPERMISSIONINFO SCALARARRAYOPEXPR
        SETOPERATIONSTMT SORTGROUPCLAUSE SQLVALUEFUNCTION SUBLINK SUBSCRIPTINGREF TABLEFUNC TARGETENTRY VAR
        WINDOWCLAUSE WINDOWFUNC
        """
    )
)
_NODE = re.compile(r"(?<!\\)\{(\w+)")
_COMMAND = re.compile(r"(?<!\\):commandType (\d+)")
_FIELD = re.compile(rf"(?<!\\):({'|'.join((*_FUNCTIONS, *_TYPES, 'relid'))})\s+(?:\(o\s+([\d\s]+)\)|(\d+))")
_EXTENT = re.compile(r":stmt_location (\d+)\s+:stmt_len (\d+)\}\s*$")
_SELECT = "1"
_INSTEAD = {
    '"position"(text': "strpos(text, part) can.",
    "btrim(text": "btrim(text, characters) can, without FROM.",
    "ltrim(text": "ltrim(text, characters) can, without FROM.",
    "rtrim(text": "rtrim(text, characters) can, without FROM.",
}


Allowed = Mapping[str, frozenset[int]]
"""Object ids of the functions, types and relations that may be used, by these words."""


async def load(reader: Reader) -> Allowed:
    """What may be used now in the database of `reader`."""
    functions = [row["oid"] for row in await reader.run(allowed.SQL["allowed.functions"], *allowed.arguments())]
    others = [(row["kind"], row["oid"]) for row in await reader.run(allowed.SQL["allowed.others"], allowed.TYPES)]
    return {
        "function": frozenset((*functions, *(oid for kind, oid in others if kind == "function"))),
        "type": frozenset(oid for kind, oid in others if kind == "type"),
        "relation": frozenset(oid for kind, oid in others if kind == "relation"),
    }


def check(tree: str, may: Allowed) -> None:
    """Raises `Unprocessable` `query_refused` for the parse tree of a statement that uses anything else."""
    if set(_COMMAND.findall(tree)) != {_SELECT}:
        raise _refused("Only a question can be asked: SELECT, VALUES, TABLE or WITH.")
    if unknown := set(_NODE.findall(tree)) - _NODES:
        raise _refused(f"{_plain(min(unknown))} is not among the constructs that can be used here.")
    for kind, oid in _used(tree):
        if oid and oid not in may[kind]:
            raise Forbidden(kind, oid)


def statement(text: str, tree: str) -> str:
    """The statement in `text`, without the semicolons and comments around it."""
    found = _EXTENT.search(tree)
    start, length = (int(found[1]), int(found[2])) if found else (0, 0)
    octets = text.encode()[start:]  # a length of 0 is: until the end
    return (octets[:length] if length else octets).decode()


class Forbidden(Unprocessable):
    """`kind` is function, type or relation, `oid` its object id."""

    def __init__(self, kind: str, oid: int, name: str = "") -> None:
        hint = next((hint for start, hint in _INSTEAD.items() if name.startswith(start)), "")
        super().__init__("query_refused", f"The {kind} {name} cannot be used here. {hint}".rstrip())
        self.kind, self.oid = kind, oid


async def named(refusal: Forbidden, reader: Reader) -> Forbidden:
    """The same refusal with the name of what is forbidden."""
    rows = await reader.run(allowed.SQL["allowed.name"], refusal.kind, refusal.oid)
    return Forbidden(refusal.kind, refusal.oid, next(iter(rows[0].values())))


def _used(tree: str) -> Iterator[tuple[str, int]]:
    for name, several, one in _FIELD.findall(tree):
        kind = "function" if name in _FUNCTIONS else "relation" if name == "relid" else "type"
        yield from ((kind, int(oid)) for oid in (several or one).split())


def _plain(node: str) -> str:
    return {"XMLEXPR": "XML", "TABLESAMPLECLAUSE": "TABLESAMPLE", "ROWMARKCLAUSE": "FOR UPDATE"}.get(node, node)


def _refused(reason: str) -> Unprocessable:
    return Unprocessable("query_refused", reason)

"""Named questions: a view of the schema `analytics`, typed columns, and filters in the URL. Pure: URL in, SQL out.

    ?day__gte=2026-11-01&kind=fee&_sort=-day&_size=50

A filter is `column=value` or `column__op=value`; `_sort` names a column, with a minus for the greatest first; `_size`
is how many rows a page has, `_next` where it begins. Every name in the SQL is from the registry below, every value a
parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ates.web.kit import inputs
from ates.web.kit.pages import cursors, links

SIZE, SIZE_MAX = 50, 1000
_RESERVED = ("_sort", "_size", "_next", "_bom", links.TRAIL)
_COMPARISONS = {"": "=", "not": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
CONTAINS = "contains"


def _number(value: str, field: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise inputs.invalid(field, "not_a_number", f"{field} is a whole number; money is in cents.")
    return int(value)


def _text(value: str, field: str) -> str:
    if "\0" in value or value != value.encode(errors="replace").decode():
        raise inputs.invalid(field, "not_a_text", f"{field} holds a character that no text has.")
    return value


def _moment(value: str, field: str) -> datetime:
    try:
        return cursors.moment(value)
    except ValueError:
        raise inputs.invalid(field, "not_a_time", f"{field} is a time such as 2026-11-23T12:00:00Z.") from None


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of column: what Postgres calls it, how a value of it is read, which operators it has."""

    name: str
    cast: str
    read: Callable[[str, str], Any]
    operators: tuple[str, ...]


DAY = Kind("day", "date", inputs.day, tuple(_COMPARISONS))
MONEY = Kind("money", "bigint", _number, tuple(_COMPARISONS))
NUMBER = Kind("number", "bigint", _number, tuple(_COMPARISONS))
TIME = Kind("time", "timestamptz", _moment, tuple(_COMPARISONS))
TEXT = Kind("text", "text", _text, ("", "not", CONTAINS))


@dataclass(frozen=True, slots=True)
class Column:
    """`sortable`: never null, and quick to sort by."""

    name: str
    kind: Kind
    sortable: bool = False

    @property
    def label(self) -> str:
        """For people."""
        return self.name.removesuffix("_cents").replace("_", " ")


@dataclass(frozen=True, slots=True)
class Question:
    """`key`: the columns that tell rows apart, which sorting falls back on. Never null, like those to sort by."""

    name: str
    title: str
    about: str
    view: str
    key: tuple[str, ...]
    sort: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column | None:
        """The column of that name, if it has one."""
        return next((column for column in self.columns if column.name == name), None)


QUESTIONS = {
    question.name: question
    for question in (
        Question(
            "earnings", "Earned by day", "What management charged, paid and so earned.", "daily_earnings",
            ("day",), "-day",
            (Column("day", DAY, True), Column("earned_cents", MONEY, True), Column("fees_cents", MONEY, True),
             Column("rewards_cents", MONEY, True), Column("payouts_cents", MONEY, True),
             Column("entries", NUMBER, True)),
        ),
        Question(
            "balances", "Balances", "What everybody has now; below zero is a debt.", "balances", ("account_id",),
            "balance_cents",
            (Column("name", TEXT, True), Column("role", TEXT), Column("balance_cents", MONEY, True),
             Column("entries", NUMBER, True), Column("last_day", DAY, True), Column("account_id", TEXT)),
        ),
        Question(
            "dearest-tasks", "Dearest tasks", "The task with the greatest reward of each day, week and month.",
            "dearest_tasks", ("period", "first_day"), "-first_day",
            (Column("period", TEXT, True), Column("first_day", DAY, True), Column("title", TEXT),
             Column("reward_cents", MONEY, True), Column("completed_by", TEXT), Column("completed_at", TIME, True),
             Column("task_id", TEXT)),
        ),
        Question(
            "payouts", "Payouts", "What was paid out to whom at the end of which day.", "payouts",
            ("day", "account_id"), "-day",
            (Column("day", DAY, True), Column("name", TEXT), Column("paid_cents", MONEY), Column("account_id", TEXT)),
        ),
        Question(
            "entries", "Entries", "Every movement of money, newest first.", "entries",
            ("transaction_id",), "-applied_at",
            (Column("applied_at", TIME, True), Column("day", DAY), Column("name", TEXT), Column("kind", TEXT),
             Column("amount_cents", MONEY), Column("balance_cents", MONEY), Column("title", TEXT),
             Column("account_id", TEXT), Column("task_id", TEXT), Column("transaction_id", TEXT)),
        ),
        Question(
            "tasks", "Tasks", "Every task, newest first, with who has it and how often it was dealt.", "tasks",
            ("task_id",), "-created_at",
            (Column("created_at", TIME, True), Column("title", TEXT), Column("jira_id", TEXT), Column("status", TEXT),
             Column("assignee", TEXT), Column("assignments", NUMBER), Column("author", TEXT),
             Column("completed_at", TIME), Column("task_id", TEXT)),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the URL asks it. `order`: the columns it is sorted by, all one way; `sql` gives a row too many."""

    question: Question
    order: tuple[Column, ...]
    descending: bool
    size: int
    sql: str
    arguments: tuple[Any, ...]

    def position(self, row: Mapping[str, Any]) -> list[Any]:
        """Where a page that ends with `row` ends."""
        values = [row[column.name] for column in self.order]
        return [value.isoformat() if isinstance(value, date) else value for value in values]


def ask(question: Question, query: Sequence[tuple[str, str]], size: int = SIZE) -> Asked:
    """`query` is the URL's, `size` the default. Raises `Unprocessable` naming the parameter that makes no sense."""
    given = dict(query)
    first, descending = _sorting(question, given.get("_sort") or question.sort)
    order = (first, *(column for column in question.columns if column.name in question.key and column is not first))
    wanted = _number(given["_size"], "_size") if given.get("_size") else size
    if not 1 <= wanted <= SIZE_MAX:
        raise inputs.invalid("_size", "out_of_range", f"_size is from 1 to {SIZE_MAX}.")
    arguments: list[Any] = []
    filters = [(name, value) for name, value in query if value and name not in _RESERVED]
    conditions = [_condition(question, name, value, arguments) for name, value in filters]
    if given.get("_next"):
        conditions.append(_after(order, descending, given["_next"], arguments))
    # Every name is the registry's own, every value a parameter.
    sql = " ".join(
        (
            f"SELECT {', '.join(column.name for column in question.columns)} FROM analytics.{question.view}",  # noqa: S608
            f"WHERE {' AND '.join(conditions)}" if conditions else "",
            f"ORDER BY {', '.join(column.name + (' DESC' if descending else '') for column in order)}",
            f"LIMIT {wanted + 1}",
        )
    )
    return Asked(question, order, descending, wanted, sql, tuple(arguments))


def _sorting(question: Question, text: str) -> tuple[Column, bool]:
    column = question.column(text.removeprefix("-"))
    if column is None or not column.sortable:
        allowed = ", ".join(it.name for it in question.columns if it.sortable)
        raise inputs.invalid("_sort", "not_sortable", f"_sort is one of {allowed}; with a minus the greatest is first.")
    return column, text.startswith("-")


def _condition(question: Question, name: str, value: str, arguments: list[Any]) -> str:
    column_name, _, operator = name.partition("__")
    column = question.column(column_name)
    if column is None:
        raise inputs.invalid(name, "unknown_filter", f"{name}: this question has no column {column_name}.")
    if operator not in column.kind.operators:
        allowed = ", ".join(it for it in column.kind.operators if it)
        raise inputs.invalid(name, "unknown_operator", f"{name}: after {column_name}__ comes one of {allowed}.")
    arguments.append(column.kind.read(value, name))
    parameter = f"${len(arguments)}::{column.kind.cast}"
    if operator == CONTAINS:
        return f"strpos(lower({column.name}), lower({parameter})) > 0"
    return f"{column.name} {_COMPARISONS[operator]} {parameter}"


def _after(order: Sequence[Column], descending: bool, cursor: str, arguments: list[Any]) -> str:
    parts = cursors.decode(cursor, *([_part] * len(order)))
    parameters = []
    for column, part in zip(order, parts, strict=True):
        arguments.append(column.kind.read(part, "_next"))
        parameters.append(f"${len(arguments)}::{column.kind.cast}")
    names = ", ".join(column.name for column in order)
    return f"({names}) {'<' if descending else '>'} ({', '.join(parameters)})"


def _part(value: Any) -> str:
    if type(value) not in (str, int):
        raise ValueError("neither a text nor a number")
    return str(value)

"""The pages of `docs/streams/` that repeat the code: the public API, and what of Faust is refused. Run it to renew
them; a test compares."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ates.streams as library
from ates.streams import unsupported
from ates.streams.declarations import Declarations
from ates.streams.options import _REFUSED as SETTINGS

PAGES = Path(__file__).parents[1] / "streams"
BEGIN, END = "<!-- made by docs/site/streams_pages.py -->", "<!-- end -->"

REFUSED = {
    "Of the module `faust`": unsupported.MODULE,
    "On the app": unsupported.APP,
    "Settings of the app": SETTINGS,
    "On an agent": unsupported.AGENT,
    "Options of `@app.agent`": unsupported.AGENT_OPTIONS,
    "On a stream": unsupported.STREAM,
    "On an event": unsupported.EVENT,
    "On a topic": unsupported.TOPIC,
    "Options of `app.topic`": unsupported.TOPIC_OPTIONS,
    "On `event.message`": unsupported.MESSAGE,
    "On a table": unsupported.TABLE,
    "Options of `app.Table`": unsupported.TABLE_OPTIONS,
}


# Not for programs: an app makes these, and the package itself calls those methods.
MADE_BY_THE_APP = {
    *("Agent", "Codec", "Event", "GlobalReader", "GlobalTable", "SchemaRegistry", "Serde", "Sink", "State", "Stream"),
    *("Table", "TableView", "Topic", "Window", "WindowedTable"),
}
INSIDE = {
    "Agent": "coroutine live has_timers probe run_timers tables",
    "App": "build in_agent key_of processing_as repartition_topic sources",
    "Avro": "load start",
    "Credentials": "client_options producer_options protocol tls_context",
    "GlobalReader": "start stop",
    "GlobalTable": "follow learn",
    "State": "changes evolve",
    "Stream": "repartition",
    "Table": "new read remove rows write",
    "Window": "belongs_to",
    "WindowedTable": "apply expire now_ms row rows_of set text time_ms",
}


def api() -> str:
    """Every public name with its signature and its docstring's first paragraph."""
    return "\n".join(line for name in sorted(library.__all__) for line in _entry(name, getattr(library, name)))


def _entry(name: str, member: Any) -> Iterator[str]:
    yield f"### {name}\n"
    if not inspect.isclass(member):
        yield f"`{_plain(str(member))}`\n"
        return
    yield f"{_first_paragraph(member)}\n"
    lines = [*_constructor(name, member), *_methods(member)]
    if lines:
        yield "\n".join(["```text", *lines, "```", ""])


def _constructor(name: str, member: type) -> Iterator[str]:
    if name not in MADE_BY_THE_APP and ("__init__" in vars(member) or hasattr(member, "__struct_fields__")):
        yield _signature(name, member)


def _methods(member: type) -> Iterator[str]:
    parts = [vars(Declarations), vars(member)] if issubclass(member, Declarations) else [vars(member)]
    for name, value in (pair for part in parts for pair in part.items()):
        function = value.fget if isinstance(value, property) else value
        if name.startswith("_") or not inspect.isfunction(function) or name in INSIDE.get(member.__name__, "").split():
            continue
        prefix = "async " if inspect.iscoroutinefunction(function) else ""
        yield f".{name}" if isinstance(value, property) else prefix + _signature(f".{name}", function)


def _signature(name: str, function: Any) -> str:
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return name
    parameters = [one for one in found.parameters.values() if one.name not in {"self", "options", "faust_options"}]
    return _plain(f"{name}{found.replace(parameters=parameters)}")


def _plain(text: str) -> str:
    """Without the names of modules, and of places in memory."""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    text = re.sub(r"\b(?:ates\.streams(?:\.\w+)*|typing|collections\.abc|datetime|pathlib|ssl)\.", "", text)
    return re.sub(r"<object object at 0x[0-9a-f]+>", "…", text).replace("~", "")


def _first_paragraph(member: Any) -> str:
    text = inspect.getdoc(member) or ""
    return " ".join(text.partition("\n\n")[0].split())


def refused() -> str:
    """The tables of names and sentences."""
    return "\n".join(
        line
        for title, sentences in REFUSED.items()
        for line in (f"### {title}\n", "| Faust | instead |", "|---|---|", *_rows(sentences), "")
    )


def _rows(sentences: Any) -> Iterator[str]:
    yield from (f"| `{name}` | {sentence.replace('|', chr(92) + '|')} |" for name, sentence in sentences.items())


MADE = {"api.md": api, "from-faust.md": refused}


def renewed(page: str) -> str:
    """The text of a page, with the part that repeats the code made anew."""
    text = (PAGES / page).read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{MADE[page]()}\n{END}{after}"


if __name__ == "__main__":
    for name in MADE:
        (PAGES / name).write_text(renewed(name), encoding="utf-8")

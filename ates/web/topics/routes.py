"""Every path of the topics front end, in one place."""

from __future__ import annotations

from aiohttp import web

from ates.web.topics import (
    api,
    dead_letter_acts,
    dead_letters,
    downloads,
    dry_runs,
    events,
    lab,
    last_hour,
    lookers,
    over_time,
    pages,
    schemas,
    status,
    tables,
    transactions,
)

_RECORD = "/{topic}/{partition}/{offset}"
_API = (
    web.get("/topics/api/topics", api.topics),
    web.get("/topics/api/topics/{topic}", api.topic),
    web.get("/topics/api/topics/{topic}/records", api.records),
    web.get("/topics/api/topics/{topic}/tail", api.tail),
    web.get(f"/topics/api/topics{_RECORD}", api.record),
    web.post(f"/topics/api/topics{_RECORD}/try", dry_runs.attempt_api),
    web.get("/topics/api/topics/{topic}/last-hour", last_hour.topic_api),
    web.get("/topics/api/groups/{group}", last_hour.group_api),
    web.get("/topics/api/schemas/{subject}", schemas.subject_api),
    web.get("/topics/api/dlq", dead_letters.list_piles),
    web.get("/topics/api/dlq/{topic}", dead_letters.list_letters),
    web.post("/topics/api/dlq/{topic}/redrive", dead_letter_acts.redrive_letters),
    web.post("/topics/api/dlq/{topic}/set-aside", dead_letter_acts.set_letters_aside),
    web.post("/topics/api/dlq/{topic}/put-back", dead_letter_acts.put_letters_back),
    web.get("/topics/api/tables/{table}/{key}", tables.row),
    web.get("/topics/api/tables/{table}/{key}/history", tables.row_history),
    web.get("/topics/api/status", status.report),
)
_PAGES = (
    web.get("/lab/", lab.page),
    web.get("/lab/figures", lab.figures),
    web.post("/lab/{name}", lab.begin),
    web.get("/topics/api/transactions", transactions.listing),
    web.get(f"/topics/api/topics{_RECORD}/transaction", transactions.one),
    web.get("/topics/transactions", transactions.index),
    web.get("/topics/log", lookers.page),
    web.get("/topics/status", status.page),
    web.get("/topics/docs/events", events.page),
    web.get("/topics/docs/asyncapi.json", events.document),
    web.get("/topics/tables/", tables.index),
    web.get("/topics/tables/{table}", tables.table),
    web.get("/topics/tables/{table}/history", tables.history),
    web.get("/topics/dlq/", dead_letters.index),
    web.get("/topics/dlq/{topic}", dead_letters.letters),
    web.get("/topics/dlq/{topic}/redrive", dead_letters.confirm),
    web.post("/topics/dlq/{topic}/redrive", dead_letter_acts.send_again),
    web.post("/topics/dlq/{topic}/set-aside", dead_letter_acts.put_aside),
    web.post("/topics/dlq/{topic}/put-back", dead_letter_acts.let_wait),
    web.get("/topics/schemas/", schemas.index),
    web.get("/topics/schemas/{subject}", schemas.subject),
    web.get("/topics/groups/{group}", last_hour.group),
    web.get("/topics/", pages.index),
    web.get("/topics/{topic}", pages.topic),
    web.get("/topics/{topic}/tail", pages.tail),
    web.get("/topics/{topic}/story", pages.find),
    web.get("/topics/{topic}/over-time", over_time.page),
    web.get("/topics/{topic}/last-hour", last_hour.topic),
    web.get("/topics/{topic}/download", downloads.records),
    web.get(f"/topics{_RECORD}", pages.record),
    web.get(f"/topics{_RECORD}/story", pages.story),
    web.get(f"/topics{_RECORD}/raw", downloads.raw),
    web.get(f"/topics{_RECORD}/transaction", transactions.page),
    web.get(f"/topics{_RECORD}/try", dry_runs.form),
    web.post(f"/topics{_RECORD}/try", dry_runs.attempt),
    web.post(f"/topics{_RECORD}/send-copy", dry_runs.send_copy),
)


def add(app: web.Application) -> None:
    """The API of the contract, and the pages beside it."""
    app.add_routes([*_API, *_PAGES])

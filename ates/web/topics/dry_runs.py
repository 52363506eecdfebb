"""Trying a record, or an edited copy of it, without writing anything; and sending the copy of a dead letter again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

from aiohttp import web

from ates.domain.errors import Rejected, Unprocessable
from ates.tools.dead_letters import redrive
from ates.tools.dry_run import copies, run
from ates.tools.dry_run.trials import Candidate, Trial
from ates.tools.topics.decoding import json_text
from ates.tools.topics.records import Record
from ates.topology import TOPICS as DECLARED
from ates.topology_types import DEAD_LETTERS
from ates.web.kit import inputs
from ates.web.kit.identity.security import requires
from ates.web.kit.keys import SETTINGS
from ates.web.kit.pages import flash, forms, pages
from ates.web.topics import asking, dead_letters
from ates.web.topics.api import no_record
from ates.web.topics.dead_letter_acts import order
from ates.web.topics.keys import topics_of

COPY = ("type", "key", "value")


@dataclass(frozen=True, slots=True)
class Typed:
    """An edited copy as it was typed: name of the record, key, and the value as JSON."""

    type: str
    key: str
    value: str


@requires("topics.redrive")
async def form(request: web.Request) -> web.Response:
    """The record as a form: to be tried as it is, or edited."""
    record, candidate = await _asked(request)
    return _page(request, record, candidate, forms.Form(_values(record, candidate)), [])


@requires("topics.redrive")
async def attempt(request: web.Request) -> web.Response:
    """Try the record or the copy of the form, and show the effects."""
    sent = await forms.fields(request)
    record, candidate = await _asked(request)
    typed = _typed(sent, record, candidate) if sent.get("as") == "edited" else None
    values = {**_values(record, candidate), **(sent if typed else {})}
    try:
        trials = await _try(request, record, candidate, typed)
    except (Rejected, Unprocessable) as error:
        return _page(request, record, candidate, forms.Form.refused(values, error), [])
    return _page(request, record, candidate, forms.Form(values), trials, edited=typed is not None)


@requires("topics.redrive")
async def attempt_api(request: web.Request) -> web.Response:
    """What the record, or a copy with another `type`, `key` or `value`, would lead to. Nothing is written."""
    body = await inputs.json_object(request)
    record, candidate = await _asked(request)
    typed = None
    if any(body.get(name) is not None for name in COPY):
        usual = _values(record, candidate)
        value = body.get("value")
        typed = Typed(
            inputs.text(body, "type", usual["type"]),
            inputs.text(body, "key", usual["key"]),
            usual["value"] if value is None else json.dumps(value),
        )
    trials = await _try(request, record, candidate, typed)
    return web.json_response(text=json_text({"items": [trial.to_json() for trial in trials]}))


@requires("topics.redrive")
async def send_copy(request: web.Request) -> web.Response:
    """Send the edited copy of a dead letter to where the letter came from, and go to the letters."""
    sent = await forms.fields(request)
    record, candidate = await _asked(request)
    back = f"/topics/dlq/{record.topic}"
    typed = _typed(sent, record, candidate)
    key = forms.key_of(sent)
    wanted = order(request, "redrive-copy", (f"{record.partition}:{record.offset}",), key, letters=record.topic)
    try:
        copied = await _copied(request, record, candidate, typed)
        copy = redrive.Copy(copied.key, copied.value, copied.headers)
        await dead_letters.look(
            request, lambda cluster, decoder, stop: redrive.redrive(cluster, decoder, wanted, stop, copy=copy)
        )
    except (Rejected, Unprocessable) as error:
        values = {**_values(record, candidate), **sent}
        return _page(request, record, candidate, forms.Form.refused(values, error), [], edited=True)
    return flash.redirect(request, back, "The edited copy was sent. If it fails, it comes back here as a new letter.")


async def _asked(request: web.Request) -> tuple[Record, Candidate]:
    """The record of the URL, and what a worker would read: of a dead letter the original, at the end of its topic."""
    topic, partition, offset = asking.place(request)
    topics = topics_of(request)
    found, after = await topics.record(topic, partition, offset)
    if found is None:
        raise no_record(partition, offset, after)
    origin = topic.removesuffix(DEAD_LETTERS)
    if origin not in DECLARED:
        raise Rejected("no_reader", f"No worker reads {origin}, so nothing would happen.")
    if origin != topic:
        offset = (await topics.look(lambda _: topics.ends(origin, [partition])))[partition]
    headers = copies.without(found.headers, "dlq_") if origin != topic else found.headers
    return found, Candidate(origin, partition, offset, found.key, found.value, headers)


async def _try(request: web.Request, record: Record, candidate: Candidate, typed: Typed | None) -> list[Trial]:
    async with run.opened(topics_of(request), request.app[SETTINGS]) as dry_run:
        if typed is not None:
            candidate = _copy(request, dry_run, record, candidate, typed)
        return await dry_run.of(candidate)


async def _copied(request: web.Request, record: Record, candidate: Candidate, typed: Typed) -> Candidate:
    async with run.opened(topics_of(request), request.app[SETTINGS]) as dry_run:
        return _copy(request, dry_run, record, candidate, typed)


def _copy(request: web.Request, dry_run: run.DryRun, record: Record, original: Candidate, typed: Typed) -> Candidate:
    at, partitions = copies.moment(record.timestamp_ms), request.app[SETTINGS].partitions
    return copies.copy_of(original, dry_run.codec, typed.type, typed.key, typed.value, at, partitions)


def _typed(sent: Mapping[str, str], record: Record, candidate: Candidate) -> Typed:
    usual = _values(record, candidate)
    return Typed(*(sent.get(name, usual[name]) for name in COPY))


def _values(record: Record, candidate: Candidate) -> dict[str, str]:
    """The record in the fields of the form; one that is no record of its topic as an empty one of the right type."""
    known = copies.types(candidate.topic)
    type_ = record.type if record.type in known else known[0]
    if isinstance(record.decoded.value, dict) and not record.decoded.problem:
        value = record.value_text(indent=2)
    else:
        kind = next(kind for kind in DECLARED[candidate.topic].records if kind.__name__ == type_)
        value = json.dumps({each.name: None for each in fields(kind)}, indent=2)
    return {"type": type_, "key": record.key_text, "value": value}


def _page(
    request: web.Request, record: Record, candidate: Candidate, form: forms.Form, trials: list[Trial], *,
    edited: bool = False,
) -> web.Response:  # fmt: skip
    context = {
        "record": record,
        "topic": candidate.topic,
        "types": copies.types(candidate.topic),
        "is_letter": record.topic != candidate.topic,
        "form": form,
        "trials": trials,
        "edited": edited,
        "json": lambda value: json_text(value, indent=2),
    }
    return pages.render(request, "topics/try.html", context, status=form.status)

"""Setting letters aside, with a reason, and putting them back. Blocks: call it in a thread.

A letter that is set aside does not wait any more; it stays where it is, and can be sent again by its name.
"""

from __future__ import annotations

import threading
from functools import partial

from ates.domain import texts
from ates.domain.errors import Rejected, Unprocessable
from ates.streams.batch import Outgoing
from ates.streams.privates.transactions import TransactionalProducer
from ates.tools.dead_letters import reader as reading
from ates.tools.dead_letters.records import PUT_BACK, SET_ASIDE, Backlog, Letter
from ates.tools.dead_letters.redrive import already_redriven, letter_not_found
from ates.tools.dead_letters.writer import CHUNK_LETTERS, Order, about, errors, opened
from ates.tools.topics.cluster import Cluster
from ates.tools.topics.decoding import Decoder

REASON_MAX = 500


def set_aside(cluster: Cluster, decoder: Decoder, order: Order, stop: threading.Event) -> int:
    """Set what `order` names aside, or all that wait; returns how many.

    Raises `Rejected`: `letter_not_found`, `already_redriven`, `already_set_aside`, `redrive_taken_over`.
    """
    return _act(SET_ASIDE, cluster, decoder, order, stop)


def put_back(cluster: Cluster, decoder: Decoder, order: Order, stop: threading.Event) -> int:
    """Let what `order` names wait again, or all that is set aside; returns how many. Raises `Rejected` as `set_aside`
    does, and `not_set_aside`."""
    return _act(PUT_BACK, cluster, decoder, order, stop)


def reason(text: str) -> str:
    """A reason as it is kept. Raises `Unprocessable`."""
    found = " ".join(text.split())
    if not 1 <= len(found) <= REASON_MAX or texts.printable(found) != found:
        detail = f"A reason is a text of 1 to {REASON_MAX} printable characters."
        error = {"field": "reason", "code": "required" if not found else "bad_reason", "detail": detail}
        raise Unprocessable("invalid_input", detail, errors=[error])
    return found


def _act(kind: str, cluster: Cluster, decoder: Decoder, order: Order, stop: threading.Event) -> int:
    with errors(cluster), opened(cluster, order.topic) as run:
        backlog = reading.read(cluster, decoder, order.topic, stop)
        before = backlog.noted_by(order.request, kind)
        chosen = [letter for letter in choose(kind, backlog, order) if letter.at not in before]
        for start in range(0, len(chosen), CHUNK_LETTERS):
            notes = [note(kind, order, letter) for letter in chosen[start : start + CHUNK_LETTERS]]
            run(partial(TransactionalProducer.commit, records=notes))
        return len(before) + len(chosen)


def choose(kind: str, backlog: Backlog, order: Order) -> list[Letter]:
    """The letters that a note of `kind` is to be written about."""
    if not order.names:
        return backlog.waiting() if kind == SET_ASIDE else backlog.set_aside()
    done = backlog.noted_by(order.request, kind)
    chosen = {letter.at: letter for letter in (_chosen(kind, backlog, name, done) for name in order.names)}
    return list(chosen.values())


def _chosen(kind: str, backlog: Backlog, name: str, done: set[tuple[int, int]]) -> Letter:
    found = backlog.named(name)
    if not found:
        raise letter_not_found(backlog, name)
    fits = [letter for letter in found if letter.at in done or _fits(kind, letter)]
    if fits:
        return fits[0]
    if found[-1].redriven:
        raise already_redriven(name, found[-1])
    if kind == PUT_BACK:
        raise Rejected("not_set_aside", f"{name} is not set aside")
    raise Rejected("already_set_aside", f"{name} is set aside already")


def _fits(kind: str, letter: Letter) -> bool:
    return letter.waits if kind == SET_ASIDE else letter.set_aside is not None


def note(kind: str, order: Order, letter: Letter) -> Outgoing:
    """The note of `kind` about a letter, in its partition."""
    headers = [(name, text.encode()) for name, text in about(kind, order, letter).items()]
    return Outgoing(order.topic, letter.partition, None, None, headers)

"""One experiment: commands come in, the fault is made, everything comes to rest, and the audit has the last word.

It runs in a process of its own, which the supervisor starts (`ates lab perform`). It ends with an event on lab.events.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from hashlib import sha256
from uuid import uuid4

from ates import topology
from ates.domain.accounting.ledger import business_day
from ates.domain.accounting.messages import CloseDay
from ates.domain.errors import AtesError, Unavailable
from ates.domain.lab.messages import FaultInjected
from ates.domain.tasks.messages import AssignTasks
from ates.platform import broadcast
from ates.platform.settings import Settings
from ates.tools.dead_letters import reader
from ates.tools.demo.life import Life
from ates.tools.demo.people import account_id
from ates.tools.demo.sender import Sender, sender
from ates.tools.lab.catalogue import EXPERIMENTS, POISONS
from ates.tools.lab.control import Control, until
from ates.tools.lab.run import Run, moment
from ates.tools.topics.browser import open_topics

SOURCE = "/ates/lab"
SERVICE = "web-topics"  # whose transactional ids it may use
PER_MINUTE = 180.0
BEFORE_SECONDS, AFTER_SECONDS = 2.0, 2.0
REST_SECONDS = 120.0
_FIGURES_SECONDS = 0.5


async def perform(settings: Settings, control: Control, name: str, target: str, actor_id: str, seconds: float) -> Run:
    """Do it, and wait for the verdict. Raises `AtesError` when it cannot even be begun."""
    run = Run(EXPERIMENTS[name], target, actor_id)
    before = await _waiting_letters(settings)
    async with sender(settings, SOURCE) as sent:
        life = Life(settings, sent)
        async with _living(life), _telling(run, life, control):
            await asyncio.sleep(BEFORE_SECONDS)
            run.phase = "the fault"
            await _faults(settings, control, sent, seconds)[name](run)
            over = time.monotonic()
            run.phase = "coming to rest"
            await asyncio.sleep(AFTER_SECONDS)
            await until(lambda: _ready(control), REST_SECONDS)
        await until(partial(_at_rest, run, life, control), REST_SECONDS)
        run.recovery_ms = int((time.monotonic() - over) * 1000)
        run.phase = "the audit"
        await control.tell(run.to_json())
        await _judge(run)
        run.dead_letters = await _waiting_letters(settings) - before
        run.verdict = _in_words(run)
        run.ended_at, run.phase = moment(), "done"
        await _record(run, sent)
    await control.tell(run.to_json())
    return run


async def _ready(control: Control) -> bool:
    return not await control.unready()


async def _at_rest(run: Run, life: Life, control: Control) -> bool:
    with suppress(Unavailable):
        run.acknowledged, run.waiting = len(life.acknowledged), await life.look()
    await control.tell(run.to_json())
    return not run.waiting


@asynccontextmanager
async def _living(life: Life) -> AsyncIterator[None]:
    living = asyncio.create_task(life.run(PER_MINUTE))
    try:
        yield
    finally:
        living.cancel()
        with suppress(asyncio.CancelledError):
            await living


@asynccontextmanager
async def _telling(run: Run, life: Life, control: Control) -> AsyncIterator[None]:
    async def tell() -> None:
        while True:
            with suppress(AtesError):
                await _at_rest(run, life, control)
            await asyncio.sleep(_FIGURES_SECONDS)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling


def _faults(
    settings: Settings, control: Control, sent: Sender, seconds: float
) -> Mapping[str, Callable[[Run], Awaitable[None]]]:
    async def to_a_process(run: Run) -> None:
        await control.inject(run.experiment.name, run.target, seconds)

    async def poison(run: Run) -> None:
        await sent.send_poison(run.experiment_id, POISONS, moment())

    async def shuffle(_: Run) -> None:
        for _number in range(int(seconds)):
            await _to_all(settings, topology.TASKS_COMMANDS.name, AssignTasks, account_id("manager"))
            await asyncio.sleep(1)

    async def close_twice(_: Run) -> None:
        yesterday = business_day(moment(), settings.timezone) - timedelta(days=1)
        close = partial(CloseDay, day=yesterday)
        for _number in range(2):
            await _to_all(settings, topology.ACCOUNTING_COMMANDS.name, close, account_id("admin"))

    own = {"poison": poison, "shuffle": shuffle, "close-twice": close_twice}
    return {name: own.get(name, to_a_process) for name in EXPERIMENTS}


async def _to_all(settings: Settings, topic: str, make: Callable[..., AssignTasks | CloseDay], actor_id: str) -> None:
    """One command to every partition of `topic`."""
    command_id, now = str(uuid4()), moment()
    digest = sha256(command_id.encode()).hexdigest()

    def share(partition: int, partitions: int) -> AssignTasks | CloseDay:
        return make(
            command_id=command_id,
            actor_id=actor_id,
            request_hash=digest,
            issued_at=now,
            partition=partition,
            partitions=partitions,
        )

    await broadcast.send(settings, SERVICE, topic, share)


async def _waiting_letters(settings: Settings) -> int:
    async with open_topics(settings) as topics:
        found = await topics.look(lambda stop: reader.backlogs(topics.cluster, topics.decoder, stop))
    return sum(len(backlog.waiting()) for backlog in found)


async def _judge(run: Run) -> None:
    """What `ates audit` says, in a process of its own: with the credentials of the audit."""
    audit = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ates", "audit", "--json", "--wait", f"{REST_SECONDS:g}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await audit.communicate()
    run.audit_ok = audit.returncode == 0 and bool(json.loads(said.decode().splitlines()[-1])["ok"])


def _in_words(run: Run) -> str:
    if run.waiting:
        return f"{run.waiting} of {run.acknowledged} acknowledged commands were not decided within {REST_SECONDS:g} s."
    if not run.audit_ok:
        return "The audit found a violation: `ates audit` shows it."
    if run.dead_letters != run.experiment.dead_letters:
        return f"{run.dead_letters} dead letters came of it, where {run.experiment.dead_letters} were to be expected."
    letters = f", {run.dead_letters} dead letters as they should be" if run.dead_letters else ""
    return f"All {run.acknowledged} acknowledged commands are decided, every invariant holds{letters}."


async def _record(run: Run, sent: Sender) -> None:
    """The event of it."""
    assert run.ended_at
    event = FaultInjected(
        experiment_id=run.experiment_id,
        actor_id=run.actor_id,
        fault=run.experiment.name,
        target=run.target,
        began_at=run.began_at,
        ended_at=run.ended_at,
        outcome="held" if run.held else "violated",
        acknowledged=run.acknowledged,
        missing=run.waiting,
        dead_letters=run.dead_letters,
        recovery_ms=run.recovery_ms,
        detail=run.verdict,
    )
    await sent.send_event(topology.LAB_EVENTS.name, event.experiment_id, event, run.ended_at)

"""Who waits is woken by what they wait for, and looks for themselves in any case."""

from __future__ import annotations

import asyncio

from ates.web.kit.live import notifications
from ates.web.kit.live.notifications import Notifications, until


def heard(payload: str, channel: str = "outcomes") -> bool:
    here = Notifications("", ())
    with here.watch("outcomes", "b") as event:
        here.received(channel, payload)
        return event.is_set()


async def test_a_payload_wakes_whom_it_names() -> None:
    assert heard("a,b,c")
    assert heard("b:17")
    assert not heard("a,bb")
    assert not heard("b", channel="tasks")


async def test_waiting_ends_with_what_was_found() -> None:
    event, found = asyncio.Event(), []

    async def look() -> str | None:
        return found[0] if found else None

    async def later() -> None:
        found.append("there")
        event.set()

    loop = asyncio.get_running_loop()
    started = loop.time()
    notify = asyncio.create_task(later())
    assert await until(look, event, started + 5) == "there"
    assert loop.time() - started < notifications.POLL_SECONDS
    await notify


async def test_a_lost_notification_costs_a_moment_and_no_more() -> None:
    looks = 0

    async def look() -> bool | None:
        nonlocal looks
        looks += 1
        return True if looks == 2 else None

    assert await until(look, asyncio.Event(), asyncio.get_running_loop().time() + 5)


async def test_nobody_waits_past_the_deadline() -> None:
    async def look() -> None:
        return None

    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await until(look, asyncio.Event(), started + 0.1) is None
    assert loop.time() - started < 1

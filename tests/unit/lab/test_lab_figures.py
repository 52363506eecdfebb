"""The page of the lab, by what its supervisor says: before the first experiment, while one runs, and after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp_jinja2
import pytest
from aiohttp.test_utils import TestClient, TestServer

from ates.embedded import lab
from ates.platform.settings import Settings
from ates.tools.lab.catalogue import EXPERIMENTS
from ates.tools.lab.run import Run
from ates.web.topics.app import create_app

ASKED = {"name": "kill-worker", "target": "", "actor_id": "4775a18a-16e8-573a-9134-2d4518e15b6a", "seconds": 2}


class Supervisor:
    """Runs the experiment until it is told to end, with `code`."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def perform(self, step: Any) -> int:
        return await self.ended


def page(tmp_path: Path, state: Mapping[str, Any]) -> str:
    settings = Settings(
        kafka="x:1",
        registry="http://x",
        postgres="postgresql://x",
        csrf_secret="x",
        jwks="http://x",
        keys=str(tmp_path),
    )
    template = aiohttp_jinja2.get_env(create_app(settings)).get_template("topics/_lab_figures.html")
    return template.render(**state, experiments=EXPERIMENTS)


@pytest.mark.asyncio
@pytest.mark.parametrize(("code", "verdict"), [(0, "Nothing was lost."), (1, "It came to no end")])
async def test_each_state_of_the_lab_has_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, verdict: str
) -> None:
    monkeypatch.setattr(lab, "lab_environment", lambda plan: {})
    supervisor: Any = Supervisor()
    plan: Any = SimpleNamespace(data=SimpleNamespace(logs=tmp_path))
    async with TestClient(TestServer(lab.Lab(plan, supervisor).application())) as socket:

        async def state() -> Any:
            return await (await socket.get("/state")).json()

        assert "Nothing is broken yet" in page(tmp_path, await state())

        assert (await socket.post("/experiments", json=ASKED)).status == 202
        begun = await state()
        assert "Now: it begins" in page(tmp_path, begun)
        assert begun["current"].keys() == Run(EXPERIMENTS["kill-worker"], "worker.tasks", "").to_json().keys()

        if code == 0:
            told = {"phase": "done", "verdict": verdict, "held": True, "audit_ok": True, "recovery_ms": 900}
            await socket.patch("/experiments/current", json=told)
        supervisor.ended.set_result(code)
        while (after := await state())["current"]:  # noqa: ASYNC110 (the socket is asked)
            await asyncio.sleep(0)
        assert verdict in page(tmp_path, after)

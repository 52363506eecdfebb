"""Many hostile requests against a running stack, and everything wrong that came of them."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from .requests import Answer, Asked, asked, origins, routes, send, wrong

_PARALLEL = 8
# Then the access token, which lives for ten minutes, is renewed.
_BATCH = 1000
_LOGGED = ("Traceback (most recent call last)", "a request failed", "Unhandled exception", "Task exception")


@dataclass(slots=True)
class Found:
    """`statuses` counts the answers; `wrong` names requests with what was wrong about their answers."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def attack(
    status: dict[str, Any], password: str, count: int, start: int = 0, tell: Callable[[int], None] = lambda _: None
) -> Found:
    """Send `count` requests, the same for the same `start`; `tell` hears how many are answered.

    `status` is what `ates status --json` says, `password` the admin's.
    """
    hosts, found = origins(status), Found()
    logs = _Logs(Path(status["data_dir"]))
    with tempfile.TemporaryDirectory() as keys:
        known = routes(Path(keys))
    with ThreadPoolExecutor(_PARALLEL) as threads:
        for number in range(0, count, _BATCH):
            token = _token(hosts[""], password)

            def answered(request: Asked, token: str = token) -> tuple[Asked, Answer]:
                return request, send(request, hosts[request.service if request.direct else ""], token)

            for request, answer in threads.map(answered, _made(known, min(_BATCH, count - number), start + number)):
                found.statuses[answer.status] += 1
                if what := wrong(request, answer):
                    found.wrong.append(f"{what}: {request}\n    {answer.body[:300]!r}")
            tell(min(number + _BATCH, count))
    found.wrong += logs.failures()
    return found


def _made(known: list[tuple[str, str, str]], count: int, start: int) -> list[Asked]:
    """Requests as Hypothesis draws them."""
    found: list[Asked] = []

    @seed(start)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(asked(known))
    def each(request: Asked) -> None:
        found.append(request)

    each()
    return found


def _token(gateway: str, password: str) -> str:
    body = json.dumps({"login": "admin", "password": password}).encode()
    login = urllib.request.Request(f"{gateway}/auth/api/login", body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(login, timeout=60) as answer:  # noqa: S310
        return str(json.load(answer)["access_token"])


class _Logs:
    """What the front ends write into their logs from now on."""

    def __init__(self, data: Path) -> None:
        self._sizes = {path: path.stat().st_size for path in sorted(data.glob("logs/web.*"))}

    def failures(self) -> list[str]:
        """Lines that tell of a failure."""
        return [
            f"{path.name}: {line[:300]}"
            for path, size in self._sizes.items()
            for line in path.read_bytes()[size:].decode(errors="replace").splitlines()
            if any(mark in line for mark in _LOGGED)
        ]

"""Every process says in numbers what it does: Prometheus can read all of them, and docs/signals.md explains each."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from chaos.client import Company, eventually
from declared_metrics import declared
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]
DOCS = Path(__file__).parents[2] / "docs"
OURS = "ates_"


async def scraped(address: str, path: str = "/metrics") -> dict[str, Metric]:
    async with aiohttp.ClientSession() as http, http.get(f"http://{address}{path}") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        return {family.name: family for family in text_string_to_metric_families(await answer.text())}


def targets(stack: Any) -> dict[str, dict[str, Any]]:
    found = json.loads((stack.data / "prometheus.json").read_text(encoding="utf-8"))
    return {one["labels"]["process"]: one for one in found}


def total(family: Metric, **labels: str) -> float:
    """The sum of a counter or gauge over all samples that carry `labels`."""
    return sum(
        sample.value
        for sample in family.samples
        if sample.name in (family.name, f"{family.name}_total", f"{family.name}_count")
        and labels.items() <= sample.labels.items()
    )


async def test_prometheus_finds_every_process_and_each_says_that_it_is_ready(stack: Any) -> None:
    found = targets(stack)
    kinds = {"worker", "web", "relay"}
    ours = {service["name"] for service in stack.status()["services"] if service["kind"] in kinds}
    assert set(found) == ours | {"gateway"}
    for name in ours:
        assert total((await scraped(found[name]["targets"][0]))["ates_ready"]) == 1, name
    gateway = found["gateway"]
    assert "envoy_http_downstream_rq" in await scraped(gateway["targets"][0], gateway["labels"]["__metrics_path__"])


async def test_a_task_is_counted_on_its_way_and_nothing_lags_afterwards(stack: Any, company: Company) -> None:
    found = {name: one["targets"][0] for name, one in targets(stack).items()}
    before = {name: await scraped(found[name]) for name in ("web.tasks", "worker.tasks", "worker.outcomes")}
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    made = await company.workers[0].call("POST", "/tasks/api/tasks", json={"title": "Count to ten"}, headers=headers)
    assert made.status == 201, made

    after = {name: await scraped(found[name]) for name in before}

    def grew(process: str, family: str, **labels: str) -> float:
        earlier = before[process].get(family)
        return total(after[process][family], **labels) - (total(earlier, **labels) if earlier else 0)

    route = {"method": "POST", "route": "/tasks/api/tasks", "status": "201"}
    assert grew("web.tasks", "ates_http_request_seconds", **route) == 1
    assert grew("worker.tasks", "ates_records", topic="tasks.commands") >= 1
    assert grew("worker.tasks", "ates_transaction_seconds", topic="tasks.commands") >= 1
    assert grew("worker.outcomes", "ates_commands", topic="tasks.outcomes", outcome="applied") >= 1

    async def caught_up() -> bool:
        workers = [await scraped(found[name]) for name in found if name.startswith("worker.")]
        return all(total(worker["ates_consumer_lag_records"]) == 0 for worker in workers)

    await eventually(caught_up, "no worker lags")
    tasks = (await scraped(found["worker.tasks"]))["ates_consumer_lag_records"]
    assert {(one.labels["topic"], one.labels["partition"]) for one in tasks.samples} == {
        (topic, str(partition)) for topic in ("tasks.commands", "auth.accounts") for partition in range(4)
    }
    assert total((await scraped(found["relay"]))["ates_outbox_waiting"]) == 0


async def test_a_path_that_does_not_exist_makes_no_metric_of_its_own(stack: Any, company: Company) -> None:
    address = targets(stack)["web.tasks"]["targets"][0]
    for _ in range(3):
        await company.workers[0].call("GET", f"/tasks/api/nothing-{uuid.uuid4()}")
    routes = {one.labels["route"] for one in (await scraped(address))["ates_http_request_seconds"].samples}
    assert "none" in routes
    assert not [route for route in routes if "nothing" in route]


async def test_the_documentation_and_the_dashboard_know_exactly_the_metrics_that_exist() -> None:
    explained = set(re.findall(r"`(ates_[a-z_]+)`", (DOCS / "signals.md").read_text(encoding="utf-8")))
    assert explained == set(declared())
    dashboard = (DOCS / "grafana" / "ates.json").read_text(encoding="utf-8")
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in re.findall(r"\bates_[a-z_]+", dashboard)}
    assert shown == set(declared())

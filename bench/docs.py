"""docs/benchmarks.md, its picture and its figures, from `results`: they are never typed by hand."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from bench import results, writers

DOCS = Path(__file__).parents[1] / "docs"
WIDTH, LEFT, LONGEST, STEP = 760, 230, 430, 38

LABELS = {
    "ates": "aTES",
    "ates_fastavro": "aTES without the compiled codec",
    "faust_at_least_once": "Faust at_least_once",
    "faust_exactly_once": "Faust exactly_once",
    "quix_exactly_once": "Quix Streams exactly-once",
    "kafka_streams_exactly_once_v2": "Kafka Streams exactly_once_v2",
    "kafka_streams_tuned": "Kafka Streams, tuned",
    "bare_transactional_loop": "bare confluent-kafka loop",
}

# How many times as fast as each of these we want to be.
RATIOS = {
    "faust_exactly_once": 20.0,
    "quix_exactly_once": 1.5,
    "kafka_streams_exactly_once_v2": 1.5,
    "kafka_streams_tuned": 1.1,
    "bare_transactional_loop": 1.2,
}


@dataclass(frozen=True, slots=True)
class Aim:
    """What was to be reached in one part of the benchmark, and what was found."""

    part: str
    text: str
    found: str
    reached: bool


def aims(result: dict[str, Any]) -> Iterator[Aim]:
    """Each that was measured."""
    for part in ("race", "pair"):
        for name, wanted in RATIOS.items():
            if ratio := result.get(part, {}).get("ratios", {}).get(name):
                yield Aim(part, f"{wanted:g} × {LABELS[name]}", f"{ratio:g} ×", ratio >= wanted)
    if growth := result.get("growth"):
        for name, which in (("as_many_active", f"{growth['active']:,} of them active"), ("all_active", "all active")):
            ratio = growth["last_by_first"][name]
            text = f"cost per event flat (within 25 %) up to a million accounts, {which}"
            yield Aim("growth", text, f"{ratio:g} ×", ratio <= 1.25)
    yield from _writers(result.get("writers", {}).get("one_broker"))
    if latency := result.get("latency"):
        for cut, limit in (("p50", 3), ("p99", 12)):
            ratio = latency[f"visible_{cut}_by_bare"]
            yield Aim("latency", f"{cut} at most {limit} × three bare transactions", f"{ratio:g} ×", ratio <= limit)
    yield from _against_monolith(result.get("pipeline", {}))
    yield from _story(result.get("story"))
    if shuffle := result.get("shuffle"):
        seconds = shuffle["seconds"]
        dealt = f"{shuffle['open_tasks']:,} tasks dealt again"
        yield Aim("shuffle", f"{dealt} within 12 s", f"{seconds:g} s", seconds <= 12)
        for what, which in (("decided, and seen so,", "other_commands_decided"), ("shown", "other_commands")):
            slowest = shuffle[f"{which}_slowest_ms"]
            yield Aim("shuffle", f"other commands {what} within a second meanwhile", f"{slowest:g} ms", slowest <= 1000)


def _story(story: dict[str, Any] | None) -> Iterator[Aim]:
    """The aim is for a system at rest; in the middle of a load much more lies around a record."""
    if story:
        p95 = story["at_rest"]["p95"]
        text = f"a record's story, {story['records']:,} records behind it, p95 at most 300 ms"
        yield Aim("story", text, f"{p95:g} ms", p95 <= 300)


def _against_monolith(pipeline: dict[str, Any]) -> Iterator[Aim]:
    """The whole way beside the fastest of its peers."""
    if peers := pipeline.get("monolith"):
        peer = max(peers.values(), key=lambda found: found["tasks_per_second"])
        rate = round(pipeline["tasks_per_second"]["one_worker_each"] / peer["tasks_per_second"], 2)
        cost = pipeline["cpu_microseconds_per_task"]["one_worker_each"]["all"] / peer["cpu_microseconds_per_task"]
        peer_name = "a transaction per command"
        yield Aim("pipeline", f"1.5 × the tasks/s of {peer_name}", f"{rate:g} ×", rate >= 1.5)
        yield Aim("pipeline", f"at most 0.75 × the CPU per task of {peer_name}", f"{cost:.2f} ×", cost <= 0.75)


def _writers(setup: dict[str, Any] | None) -> Iterator[Aim]:
    """Of the product's writer beside librdkafka's, on one broker."""
    if setup is None:
        return
    cpu = writers.cpu_ratio(setup, 200)
    yield Aim("writers", "CPU for a record at most 0.7 × librdkafka's (200 records)", f"{cpu:g} ×", cpu <= 0.7)
    found = writers.ratios(setup)
    for cut in ("p50", "p95"):
        ratio = found[writers.Scenario(8, 200, 20).name][f"{cut}_ms"]
        text = f"200 records by 8 writers, {cut} no slower than librdkafka's"
        yield Aim("writers", text, f"{ratio:g} ×", ratio <= 1.0)
    ratio = found[writers.Scenario(1, 200, 0).name]["p50_ms"]
    yield Aim("writers", "200 records by 1 writer back to back at most 0.5 ×", f"{ratio:g} ×", ratio <= 0.5)


def write() -> Path:
    """The page; picture and figures go beside it. Raises `SystemExit` when nothing was measured."""
    result = results.read()
    if not result:
        raise SystemExit("nothing was measured yet: make bench")
    written = DOCS / "benchmarks.md"
    text, drawn = page(result), picture(result)
    results.save(results.PUBLISHED, result)
    written.write_text(text, encoding="utf-8")
    if drawn:
        (DOCS / "images" / "benchmarks.svg").write_text(drawn, encoding="utf-8")
    return written


def page(result: dict[str, Any]) -> str:
    """docs/benchmarks.md."""
    found = list(aims(result))
    return _template("benchmarks.md.j2").render(
        **result,
        labels=LABELS,
        ratios_of=writers.ratios,
        between={part: _between(result.get(part, {})) for part in ("race", "pair")},
        aims=found,
        other_aims=[aim for aim in found if aim.part not in ("race", "pair")],
    )


def picture(result: dict[str, Any]) -> str:
    """The race in SVG; empty when it was not measured."""
    race = result.get("race")
    return _template("picture.svg.j2").render(bars(race["events_per_second"], race["rounds"])) if race else ""


def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(enabled_extensions=("svg.j2",)),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def bars(rates: dict[str, int | None], rounds: int) -> dict[str, Any]:
    """The picture's variables: the fastest on top, as long as there is room."""
    known = sorted(((rate, name) for name, rate in rates.items() if rate), reverse=True)
    drawn = [
        {
            "label": LABELS[name],
            "rate": rate,
            "ours": name == "ates",
            "y": 18 + STEP * number,
            "length": max(2, round(LONGEST * rate / known[0][0])),
        }
        for number, (rate, name) in enumerate(known)
    ]
    return {"bars": drawn, "rounds": rounds, "width": WIDTH, "left": LEFT, "height": 50 + STEP * len(drawn)}


def _between(result: dict[str, Any]) -> dict[str, str]:
    """What the commit interval came to, for each contender."""
    found = {}
    for name, runs in result.get("runs", {}).items():
        median = statistics.median(run["milliseconds_between_commits"] for run in runs)
        found[name] = f"{median:.0f}" if median else "–"
    return found

"""The library's pages say what is so: every example runs, and what repeats the code is compared with it."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ates.streams
from ates.streams import App
from ates.streams.options import _SAME

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT / "docs/site"), str(ROOT / "tests/unit/streams")]

import streams_pages  # noqa: E402
from app_in_memory import NOW_MS, InMemory  # noqa: E402

PAGES = sorted((ROOT / "docs/streams").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
BLOCKS = {f"{page.stem} {n}": text for page in PAGES for n, text in enumerate(BLOCK.findall(page.read_text()))}
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def module_of(name: str, source: str, path: Path | None = None) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path or name), "exec"), module.__dict__)  # noqa: S102
    finally:
        del sys.modules[name]
    return module


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_a_page_is_a_program_that_starts(block):
    module = module_of("example_of_a_page", BLOCKS[block])
    apps = [value for value in vars(module).values() if isinstance(value, App)]
    assert apps
    assert {name for app in apps for name in app.processors} >= {
        agent.topic.name for app in apps for agent, _ in app._agents
    }
    for name, test in vars(module).items():
        if name.startswith("test_"):
            asyncio.run(test()) if inspect.iscoroutinefunction(test) else test()


@pytest.mark.parametrize("page", streams_pages.MADE)
def test_what_a_page_repeats_of_the_code_is_what_the_code_says(page):
    text = (streams_pages.PAGES / page).read_text(encoding="utf-8")
    assert text == streams_pages.renewed(page), "python docs/site/streams_pages.py"


def test_the_public_names_are_few_and_complete():
    assert len(ates.streams.__all__) <= 40
    assert sorted(ates.streams.__all__) == sorted(set(ates.streams.__all__))
    page = (streams_pages.PAGES / "api.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)", page, re.M) == sorted(ates.streams.__all__)
    assert dir(ates.streams) == sorted(ates.streams.__all__)
    for name in ates.streams.__all__:
        getattr(ates.streams, name)
    public = {
        name
        for name, value in vars(ates.streams).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(ates.streams.__all__)


def test_the_hello_world_is_short():
    hello = BLOCKS["quick-start 0"]
    assert len(hello.strip().splitlines()) <= 12
    example = (ROOT / "examples/word_count.py").read_text()
    assert re.sub(r"\n+", "\n", hello) in re.sub(r"\n+", "\n", example)


def example(name: str) -> InMemory:
    path = ROOT / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return InMemory(module.app)


@pytest.mark.parametrize("name", ["word_count", "pure_word_count"])
def test_the_word_counts_count(name):
    world = example(name)
    world.send("words", b"popug", b"parrot", b"popug")
    assert world.values("totals") == [1, 1, 2]
    assert world.stores["counts"].rows == {"popug": 2, "parrot": 1}


def test_the_balances_refuse_what_an_account_cannot_bear():
    world = example("account_balances")
    world.send("payments", *(b'{"account": "popug", "cents": %d}' % cents for cents in (500, -600, -200)))
    assert [balance.cents for balance in world.values("balances")] == [500, 300]
    assert world.letters("bank-payments-account-repartition") == ["overdrawn: popug has 500 cents"]


def test_the_windows_count_by_the_minute():
    world = example("windowed_counts")
    world.send("views", *[b"home"] * 100, time_ms=NOW_MS)
    world.send("views", b"home", time_ms=NOW_MS + 60_000)
    assert world.values("busy-pages") == [100]
    assert list(world.stores["views-by-minute"].rows.values()) == [100, 1]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_starts(path):
    assert module_of(path.stem, path.read_text(), path).app.processors


def test_a_setting_that_is_taken_when_it_says_what_is_so_is_refused_otherwise():
    for name in _SAME:
        with pytest.raises((ates.streams.Unsupported, TypeError)):
            App("shop", **{name: "something else"})

"""The library's first page on a real broker: no topic made by hand, killed by kill -9, and each word counted once."""

from __future__ import annotations

import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from as_operator import settings_of
from example_world import Example
from streams_world import until
from verifier.process import ROOT

pytestmark = pytest.mark.stack

TOPICS = ("words", "totals", "words.dlq", "hello-counts-changelog", "hello-words-position-changelog")
KILLS = int(os.environ.get("ATES_TEST_KILLS", "2"))


@pytest.fixture
def hello(stack: Any, tmp_path: Path) -> Iterator[Example]:
    source = (ROOT / "examples" / "word_count.py").read_text()
    example = Example(settings_of(stack.data), tmp_path, source, TOPICS)
    yield example
    example.close()


def test_the_word_count_makes_its_topics_and_counts_each_word_once_though_it_is_killed(hello: Example) -> None:
    hello.start()
    until(lambda: set(hello.partitions()) == set(TOPICS), "the topics")
    assert len(set(hello.partitions().values())) == 1
    draw = random.Random(int(os.environ.get("ATES_TEST_SEED", "1")))
    words = [f"word-{draw.randrange(30)}" for _ in range(300 * (KILLS + 1))]
    for part in range(KILLS + 1):
        hello.send("words", [(word.encode(), word.encode()) for word in words[part * 300 : (part + 1) * 300]])
        if part < KILLS:
            until(lambda least=300 * part: len(hello.read("totals")) > least, "some totals of this life")
            time.sleep(draw.random() / 4)
            hello.end()
            hello.start()
    hello.send("words", [(b"poison", b"\xff\xfe")])
    until(lambda: len(hello.read("totals")) >= len(words) and hello.read("words.dlq"), "all totals, and a dead letter")

    told = defaultdict(list)
    for record in hello.read("totals"):
        told[record.key.decode()].append(int(record.value))
    counts = Counter(words)
    assert told == {word: list(range(1, count + 1)) for word, count in counts.items()}
    assert hello.table("hello-counts-changelog") == counts
    (letter,) = hello.read("words.dlq")
    assert dict(letter.headers)["dlq_error"].startswith(b"not_utf8")

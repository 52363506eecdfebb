"""The rules of words in CONTRIBUTING.md, as far as a program can see them: sentences begin with their subject."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[3]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs").glob("*/*.md"))]
MARKDOWN = MarkdownIt("commonmark").enable("table")
SENTENCE = re.compile(r"(?:^|(?<=[.!?:] ))(?=\S)(.+?(?:[.!?](?= |$)|$))", re.DOTALL)
BACKWARDS = re.compile(r"(What|Whoever|Those|One that)\b")
ALLOWED = {
    "What was booked on a business day.",  # the doc of a schema that is registered
    # CONTRIBUTING's examples of how not to write:
    "What could not be understood went to a dead-letter topic with its origin",
    "What a command was refused it is refused for ever, or a log read again would grant it",
}
TERMS = 25


def sentences(page: Path) -> Iterator[str]:
    """Of paragraphs, items, headings and cells; the code in them is an ellipsis."""
    for token in MARKDOWN.parse(page.read_text(encoding="utf-8")):
        if token.type == "inline":
            text = "".join(
                "…" if child.type == "code_inline" else " " if child.type == "softbreak" else child.content
                for child in token.children or []
            )
            yield from SENTENCE.findall(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_sentences_begin_with_their_subject(page: Path) -> None:
    found = {sentence for sentence in sentences(page) if BACKWARDS.match(sentence) and not sentence.endswith("?")}
    assert found - ALLOWED == set()


def test_a_sentence_that_begins_backwards_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("What now? Fine. What was late is\nrefused.\n\n| head |\n|---|\n| Whoever asks |\n\n- `x`: those\n")
    found = [sentence for sentence in sentences(page) if BACKWARDS.match(sentence)]
    assert found == ["What now?", "What was late is refused.", "Whoever asks"]


def test_the_glossary_is_short_and_in_order() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    glossary = text.partition("### Glossary\n")[2].partition("###")[0]
    terms = re.findall(r"^\| (?!term|---)([^|]+) \|", glossary, re.MULTILINE)
    assert 0 < len(terms) <= TERMS
    assert terms == sorted(terms)

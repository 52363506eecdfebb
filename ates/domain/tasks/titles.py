"""Rules for the texts of a task: title, Jira id, description. Every check names its field."""

import re

from ates.domain import texts
from ates.domain.errors import Unprocessable

TITLE_LENGTH = 200
DESCRIPTION_LENGTH = 10_000

# Surrogates stand alone only in broken JSON, and neither UTF-8 nor Postgres can hold them.
_NOT_IN_A_TITLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_A_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

# The lengths are far beyond any tracker's, and short enough for an index.
_JIRA_ID = re.compile(r"[A-Z][A-Z0-9]{1,31}-[0-9]{1,15}")
_VERSION_1 = re.compile(rf"\s*\[({_JIRA_ID.pattern})\]\s*-\s*(\S.*)", re.DOTALL)


def clean_title(title: str) -> str:
    """`title` without space around it. Raises `Unprocessable` (`bad_title`)."""
    title = title.strip()
    if texts.is_blank(title):
        raise _refused("title", "A task needs a title.")
    if len(title) > TITLE_LENGTH:
        raise _refused("title", f"A title has at most {TITLE_LENGTH} characters.")
    if "[" in title or "]" in title:
        raise _refused("title", "A title has no brackets: the Jira id has a field of its own.")
    if _NOT_IN_A_TITLE.search(title):
        raise _refused("title", "A title is one line without control characters.")
    if texts.turns(title):
        raise _refused("title", "A title has no characters that turn the direction of text.")
    return title


def clean_jira_id(jira_id: str | None) -> str | None:
    """`jira_id`, None for none (empty or blank too). Raises `Unprocessable` (`bad_jira_id`)."""
    jira_id = (jira_id or "").strip()
    if jira_id and not _JIRA_ID.fullmatch(jira_id):
        raise _refused("jira_id", "A Jira id looks like UBERPOP-42.")
    return jira_id or None


def clean_description(description: str) -> str:
    """`description` as it is; it may have many lines. Raises `Unprocessable` (`bad_description`)."""
    if len(description) > DESCRIPTION_LENGTH:
        raise _refused("description", f"A description has at most {DESCRIPTION_LENGTH:,} characters.")
    if _NOT_IN_A_TEXT.search(description):
        raise _refused("description", "A description has no control characters but line ends and tabs.")
    if texts.turns(description):
        raise _refused("description", "A description has no characters that turn the direction of text.")
    return description


def split_title(title: str) -> tuple[str | None, str]:
    """The Jira id and the title proper of a version 1 title: `[UBERPOP-42] - Fix the beak`.

    A title of any other form has no Jira id and stays as it is, brackets and all: what is in the log is readable
    for ever, whatever was once allowed.
    """
    match = _VERSION_1.fullmatch(title)
    return (match[1], match[2].rstrip()) if match else (None, title)


def joined_title(jira_id: str | None, title: str) -> str:
    """The version 1 title that `split_title` takes apart again."""
    return f"[{jira_id}] - {title}" if jira_id else title


def _refused(field: str, detail: str) -> Unprocessable:
    return Unprocessable(f"bad_{field}", detail, field=field)

"""The error families. Every error a person or a program can meet is one of these, with a stable `code`.

Families decide what happens, once, for every transport (`ates.web.kit` turns them into RFC 9457 problem+json with the
status of `ates.web.kit.statuses`, `ates.workers` into dead letters, `ates.cli` into exit codes):

| family          | meaning                                             | HTTP              | stream       |
|-----------------|-----------------------------------------------------|-------------------|--------------|
| `Rejected`      | understood, and refused by a rule of the business   | by its code       | outcome event|
| `Unprocessable` | cannot be understood, now or ever                   | 422               | dead letter  |
| `Unavailable`   | not now; the same request may succeed later         | 503 + Retry-After | waits, retries|
"""

from __future__ import annotations


class AtesError(Exception):
    """`code` is stable and for programs; `detail` is one sentence for people."""

    code: str

    def __init__(self, code: str, detail: str = "", **context: object) -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail or code.replace("_", " ")
        self.context = context


class Rejected(AtesError):
    """A rule of the business refuses."""


class Unprocessable(AtesError):
    """The input can never be handled: a dead letter in a stream."""


class Unavailable(AtesError):
    """A dependency is away. Retry later; nothing was lost."""


class SettingsError(AtesError):
    """A setting is unknown or malformed; the message names it."""

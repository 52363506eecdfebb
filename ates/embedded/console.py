"""What the person at the terminal sees while the stack comes up. Everything here goes to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ates.embedded import StackError


class Console:
    """One line per step with its time; downloads with a bar on a terminal, with plain lines otherwise."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._downloads: _Bar | _Lines | None = None
        self._interrupted = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Say that it is done, and how long it took; silent when it fails (the error speaks then)."""
        begun = time.monotonic()
        yield
        took = time.monotonic() - begun
        self._line(f"{click.style('✓', fg='green')} {title:<28} {took:5.1f} s")

    def note(self, text: str) -> None:
        """Something worth saying between the steps, such as a restart."""
        self._line(f"{click.style('!', fg='yellow')} {time.strftime('%H:%M:%S')} {text}")

    def _line(self, text: str) -> None:
        click.echo(text, err=True)

    def interrupt(self) -> None:
        """Let downloads end at their next bytes."""
        self._interrupted = True

    def begin(self, what: str, files: int, size: int) -> None:
        title = f"downloading {what}: {files} file{'s' if files > 1 else ''}, {size / 1e6:.0f} MB"
        self._downloads = (_Bar if sys.stderr.isatty() else _Lines)(title, size)

    def advance(self, size: int) -> None:
        if self._interrupted:
            raise StackError("interrupted", "interrupted")
        if self._downloads:
            self._downloads.advance(size)

    def end(self) -> None:
        if self._downloads:
            self._downloads.end()
        self._downloads = None


class _Bar:
    def __init__(self, title: str, size: int) -> None:
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bar = Progress(*columns, console=Terminal(stderr=True))
        self._task = self._bar.add_task(title, total=size)
        self._bar.start()

    def advance(self, size: int) -> None:
        self._bar.advance(self._task, size)

    def end(self) -> None:
        self._bar.stop()


class _Lines:
    """A line at every quarter: readable in a log."""

    def __init__(self, title: str, size: int) -> None:
        self._size, self._done, self._next = size, 0, 25
        click.echo(title, err=True)

    def advance(self, size: int) -> None:
        self._done += size
        while self._next <= 100 * self._done / self._size and self._next < 100:
            click.echo(f"  {self._next} %", err=True)
            self._next += 25

    def end(self) -> None:
        """The step's own line follows."""

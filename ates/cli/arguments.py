"""What a command line may hold: texts are text, numbers are finite. One place for the parameters of every command."""

from __future__ import annotations

import math
from typing import Any

import click

_NUMBER_MAX = 2**31 - 1


class _Text(click.types.StringParamType):
    """A text that UTF-8 can hold. The shell hands on any bytes; those that are not UTF-8 come as half characters."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("this is not UTF-8", param, ctx)
        return text


class _Seconds(click.types.FloatParamType):
    """A number of seconds that a clock can wait for."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not (math.isfinite(number) and 0 <= number <= _NUMBER_MAX):
            self.fail(f"{value!r} is not a number of seconds from 0 to {_NUMBER_MAX}", param, ctx)
        return number


def guard(command: click.Command) -> None:
    """Let `command` take nothing that breaks what is behind it; wrong usage instead, with exit code 2."""
    for param in command.params:
        kind = param.type
        if type(kind) is click.types.StringParamType:
            param.type = _Text()
        elif type(kind) is click.types.FloatParamType:
            param.type = _Seconds()
        elif isinstance(kind, click.IntRange) and kind.max is None:
            kind.max = _NUMBER_MAX

"""setuptools' build backend (PEP 517), with a compiler found for the compiled modules.

Where no C compiler is on the PATH, pip is asked to install PyPI's `ziglang`, a compiler in a wheel, into the build's
own environment. Nobody has to: they are optional, and without them fastavro and Python serve.
`ATES_BUILD_CODEC=0` leaves them out.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

CYTHON = "cython>=3.1,<4"
# Where it has wheels: elsewhere an installation would fail that can do without.
ZIG = (
    "ziglang>=0.14; (sys_platform == 'linux' or sys_platform == 'darwin')"
    " and (platform_machine == 'x86_64' or platform_machine == 'aarch64' or platform_machine == 'arm64')"
)


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_tools()]


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    return [*build_meta.get_requires_for_build_editable(config_settings), *_tools()]


def build_wheel(*arguments: Any, **named: Any) -> str:
    with _compiler():
        return build_meta.build_wheel(*arguments, **named)


def build_editable(*arguments: Any, **named: Any) -> str:
    with _compiler():
        return build_meta.build_editable(*arguments, **named)


def _tools() -> list[str]:
    if os.environ.get("ATES_BUILD_CODEC") == "0":
        return []
    return [CYTHON] if found() else [CYTHON, ZIG]


def found() -> str | None:
    """The C compiler to use: the user's, the one that Python was built with, or the system's. None: there is none."""
    candidates = (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc")
    return next((command for command in candidates if command and shutil.which(shlex.split(command)[0])), None)


@contextmanager
def _compiler() -> Iterator[None]:
    """Name the compiler to setuptools; what ziglang keeps for next time goes with the build."""
    compiler = found()
    with tempfile.TemporaryDirectory(prefix="ates-build-") as cache:
        if compiler is None and importlib.util.find_spec("ziglang"):
            compiler = f"{shlex.quote(sys.executable)} -m ziglang cc"
            os.environ.update(ZIG_GLOBAL_CACHE_DIR=cache, ZIG_LOCAL_CACHE_DIR=cache)
        if compiler:
            os.environ.update(CC=compiler, LDSHARED=f"{compiler} -shared")
        yield

"""A home of the tests' own: no test, and nothing that a test starts, reads or writes the data, cache or configuration
of the person who runs the tests.

`move` is called before anything else of a run. Kafka's and the registry's files are downloaded once into `.cache` of
the checkout. ATES_TEST_DOWNLOADS names a directory that has them already, such as ~/.cache/ates; it is only read.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CACHE = Path(__file__).parents[1] / ".cache"
_FOLDERS = {"XDG_DATA_HOME": ".local/share", "XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".local/state"}
_SERVERS = ("kafka-*", "apicurio-*")


class HomeTouchedError(Exception):
    """A test uses the home of the person who runs it."""


def places(environ: Mapping[str, str]) -> set[str]:
    """Where a program with this environment keeps aTES' data, configuration, state and cache."""
    home = Path(environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)
    folders = {**_FOLDERS, "XDG_CACHE_HOME": ".cache"}
    return {str(Path(environ.get(name) or home / folder) / "ates") for name, folder in folders.items()}


# Those of the environment that the run was started with, and those that hold when a test drops its variables.
# The processes of one run (`make test`) are told of them, and share the home that the first of them moved to.
_MOVED_FROM = "TESTS_MOVED_FROM"
FORBIDDEN = frozenset(os.environ.get(_MOVED_FROM, "").split("\n")) - {""} or frozenset(places(os.environ) | places({}))


def move() -> None:
    """Give this process, and what it starts, a home of its own; what uses the other one fails from now on."""
    if _MOVED_FROM not in os.environ:
        os.environ[_MOVED_FROM] = "\n".join(sorted(FORBIDDEN))
        _move()
    sys.addaudithook(_watch)


def _move() -> None:
    home = Path(tempfile.mkdtemp(prefix="ates-home-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["HOME"] = str(home)
    os.environ.update({name: str(home / folder) for name, folder in _FOLDERS.items()})
    os.environ["XDG_CACHE_HOME"] = str(CACHE)
    if shared := os.environ.pop("ATES_TEST_DOWNLOADS", ""):
        _link(Path(shared).expanduser(), CACHE / "ates")


def _link(shared: Path, own: Path) -> None:
    """Links to the files of `shared`, in directories of our own: what is missing there is downloaded here."""
    for pattern in _SERVERS:
        for directory in shared.glob(pattern):
            (own / directory.name).mkdir(parents=True, exist_ok=True)
            for file in directory.iterdir():
                link = own / directory.name / file.name
                if not link.exists():
                    link.unlink(missing_ok=True)
                    link.symlink_to(file)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Sees what this process opens, and the environment of each program that it starts."""
    if event == "open" and isinstance(arguments[0], str):
        if arguments[0].startswith(_INSIDE):
            raise HomeTouchedError(f"a test opens {arguments[0]}")
    elif event == "subprocess.Popen" and arguments[3] is not None and (used := places(arguments[3]) & FORBIDDEN):
        raise HomeTouchedError(f"a test starts {arguments[1][0]} with {sorted(used)[0]}: pass os.environ on")


_INSIDE = tuple(f"{place}/" for place in FORBIDDEN)

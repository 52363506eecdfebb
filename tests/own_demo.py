"""A demo in a directory of its own, for targets of the Makefile: started, used, stopped and deleted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Demo:
    """A running demo; `said` is what `ates up --json` said of it."""

    def __init__(self, data: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ATES_")}
        self._environ = {**clean, "ATES_DATA": str(data)}
        self.said: dict[str, Any] = {}

    def ates(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an `ates` command beside it; its progress goes to stderr."""
        command = [sys.executable, "-m", "ates", *arguments]
        return subprocess.run(command, env=self._environ, stdout=subprocess.PIPE, text=True, check=False)


@contextmanager
def own_demo() -> Iterator[Demo]:
    """One that is up."""
    with tempfile.TemporaryDirectory(prefix="ates-demo-") as folder:
        demo = Demo(Path(folder) / "data")
        try:
            up = demo.ates("up", "--detach", "--demo", "--port", "0", "--json")
            up.check_returncode()
            demo.said = json.loads(up.stdout.splitlines()[-1])
            yield demo
        finally:
            demo.ates("down")

"""Every command that Faust registers works for our workers, or says in one sentence why it does not apply."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Arguments of Faust's commands, several lines where there are several cases. All of Faust's are here: a test compares.
CASES = {
    "agents": ["", "--json"],
    "tables": [""],
    "models": ["", "--builtins", "--json"],
    "model": ["TaskCreated", "ates.tasks.TaskCreated", "TaskCreated --json", "Nope", "@ReqRepRequest"],
    "send": ["@tasks x", "tasks.commands {} --key 7", "--help"],
    "clean-versions": [""],
    "completion": ["", "zsh", "nosuch"],
    "livecheck": ["", "--web-port 1"],
    "reset": [""],
    "worker": ["--help"],
}
REFUSED = {
    *("model Nope", "model @ReqRepRequest", "send @tasks x", "send tasks.commands {} --key 7"),
    *("completion nosuch", "livecheck", "livecheck --web-port 1"),
}

# All in one process that is not ours: most of their time is imports.
_RUN_ALL = """
import contextlib, io, json, sys, traceback
sys.argv = ["/bin/faust", "-A", "ates.workers.tasks", "--help"]
from faust.cli.faust import cli
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    cli()
print(json.dumps(sorted(cli.commands)))
for given in json.loads(sys.stdin.read()):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["/bin/faust", "-A", "ates.workers.tasks", *given.split()]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli(sys.argv[1:], prog_name="faust")
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """Exit code, stdout and stderr of each case; under an empty name, the names of all commands."""
    given = [f"{name} {arguments}".strip() for name, cases in CASES.items() for arguments in cases]
    nowhere = {
        "ATES_DATA": str(tmp_path_factory.mktemp("faust")),
        "ATES_KAFKA": "127.0.0.1:1",
        "ATES_REGISTRY": "http://127.0.0.1:1",
    }
    done = subprocess.run(
        [sys.executable, "-c", _RUN_ALL],
        env={**{name: value for name, value in os.environ.items() if not name.startswith("ATES_")}, **nowhere},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    names, *answers = done.stdout.splitlines()
    return {"": (0, names, ""), **dict(zip(given, map(json.loads, answers), strict=True))}


def test_every_command_of_faust_is_tried(said: dict[str, tuple[int, str, str]]) -> None:
    assert json.loads(said[""][1]) == sorted(CASES)


def test_none_ends_in_a_traceback_or_with_nothing_to_say(said: dict[str, tuple[int, str, str]]) -> None:
    for name, (code, out, err) in said.items():
        assert "Traceback" not in err, name
        assert "N/A" not in out, name
        assert (out + err).strip(), name
        assert bool(code) == (name in REFUSED), (name, err)


def test_a_refusal_is_one_sentence(said: dict[str, tuple[int, str, str]]) -> None:
    for name in REFUSED:
        reason = said[name][2].splitlines()[-1]
        assert reason.startswith("Error: "), name


def test_agents_and_records_are_ours(said: dict[str, tuple[int, str, str]]) -> None:
    agents = {agent["name"]: agent["topic"] for agent in json.loads(said["agents --json"][1])}
    assert agents == {"@tasks": "tasks.commands", "@leavers": "auth.accounts"}
    assert "ates.tasks.TaskCreated" in {record["name"] for record in json.loads(said["models --json"][1])}
    assert "jira_id" in {field["field"] for field in json.loads(said["model TaskCreated --json"][1])}


def test_reset_deletes_local_stores_but_not_those_of_a_running_worker(tmp_path: Path) -> None:
    from ates.streams import disk

    for partition in ("0", "1"):
        (tmp_path / "tasks.commands" / partition / "0" / "rocksdb").mkdir(parents=True)
    running = disk._try_to_lock(tmp_path / "tasks.commands" / "1" / "0")
    assert running is not None
    deleted, held = disk.delete(tmp_path)
    os.close(running)
    assert ([at.parent.name for at in deleted], [at.parent.name for at in held]) == (["0"], ["1"])
    assert [at.parent.parent.name for at in tmp_path.glob("*/*/*/rocksdb")] == ["1"]


def test_a_setting_that_is_missing_is_said_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("faust")), "-A", "ates.workers.tasks", "agents"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ATES_KAFKA is not set")

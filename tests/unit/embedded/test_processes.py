"""The table of processes: who runs, who waits for whom, who gets which variables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ates.domain.errors import SettingsError
from ates.embedded import compose, processes
from ates.embedded.datadir import DataDirectory
from ates.embedded.processes import PORTS, Plan, Process, Step
from ates.platform import settings
from ates.topology import DATABASE_ROLES

SECRETS = {
    "postgres": "p/w",
    "csrf": "c",
    "inbox": "mails",
    **{f"kafka.{user}": f"pw-{user}" for user in processes.KAFKA_USERS},
    **{f"role.{role}": f"pw-{role}" for role in DATABASE_ROLES},
}


def plan(given: dict[str, str] | None = None, history: str = "demo") -> Plan:
    return Plan(
        data=DataDirectory(Path("/data")),
        ports={name: 20000 + number for number, name in enumerate((*PORTS, "gateway"))},
        secrets=SECRETS,
        given=given or {},
        settings=settings.load("", given or {}),
        history=history,
    )


def entry(name: str, **changes: object) -> Process | Step:
    return next(one for one in processes.table(plan(**changes)) if one.id == name)  # type: ignore[arg-type]


def test_everything_of_the_architecture_runs() -> None:
    names = [one.id for one in processes.table(plan()) if isinstance(one, Process)]
    assert sorted(names) == sorted(
        [
            *("kafka", "registry", "postgres", "inbox", "gateway", "relay"),
            *(
                "worker.tasks",
                "worker.accounting",
                "worker.analytics",
                "worker.payouts",
                "worker.outcomes",
                "worker.views",
            ),
            *("web.auth", "web.tasks", "web.accounting", "web.analytics", "web.topics"),
        ]
    )


def test_whatever_is_needed_stands_earlier_in_the_table() -> None:
    seen: set[str] = set()
    for one in processes.table(plan()):
        assert set(one.needs) <= seen, one.id
        seen.add(one.id)


@pytest.mark.parametrize(
    ("variable", "value", "replaced"),
    [
        ("ATES_KAFKA", "kafka.example:9092", "kafka"),
        ("ATES_REGISTRY", "http://registry.example/api", "registry"),
        ("ATES_POSTGRES", "postgresql://boss:secret@db.example:5432/company", "postgres"),
        ("ATES_SMTP", "mail.example:25", "inbox"),
    ],
)
def test_a_server_that_the_user_brings_is_used_and_not_started(variable: str, value: str, replaced: str) -> None:
    entries = processes.table(plan({variable: value}))
    assert replaced not in {one.id for one in entries}
    assert not any(replaced in one.needs for one in entries)
    written = processes.settings_file(plan({variable: value}), entries)
    assert written["env"][variable] == value  # type: ignore[index]


def test_each_process_connects_to_the_database_as_itself() -> None:
    brought = plan({"ATES_POSTGRES": "postgresql://boss:secret@db.example:5432/company?sslmode=require"})
    urls = {one.id: one.env.get("ATES_POSTGRES") for one in processes.table(brought) if isinstance(one, Process)}
    assert urls["web.tasks"] == "postgresql://ates_tasks:pw-tasks@db.example:5432/company?sslmode=require"
    assert urls["relay"] == "postgresql://ates_auth:pw-auth@db.example:5432/company?sslmode=require"
    assert urls["worker.tasks"] == ""


def test_the_password_of_the_admin_reaches_no_long_running_process() -> None:
    for one in processes.table(plan()):
        if isinstance(one, Process):
            assert "p%2Fw" not in str(dict(one.env)), one.id


def test_a_process_by_hand_is_set_up_as_under_the_supervisor_but_for_its_port_and_its_name_in_the_group(
    tmp_path: Path,
) -> None:
    entries = processes.table(plan())
    data = DataDirectory(tmp_path / "data")
    data.prepare()
    data.write(settings.STACK_FILE, processes.settings_file(plan(), entries))
    with data.lock():
        for one in entries:
            if isinstance(one, Process) and not one.program:
                here = {"ATES_DATA": str(data.path)}
                supervised = settings.load("", {**one.env, **here})
                assert settings.load(one.id, here) == replace(supervised, port=0, instance="")


def test_of_a_stack_that_is_down_only_the_servers_that_the_user_brought_are_left(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    data.prepare()
    made = plan({"ATES_KAFKA": "kafka.example.org:9092", "ATES_TIMEZONE": "Europe/Prague"})
    data.write(settings.STACK_FILE, processes.settings_file(made, processes.table(made)))
    found = settings.load("worker.views", {"ATES_DATA": str(data.path)})
    assert (found.kafka, found.timezone.key) == ("kafka.example.org:9092", "Europe/Prague")
    assert (found.registry, found.postgres, found.smtp) == ("", "", "")
    with pytest.raises(SettingsError, match=f"the stack in {data.path} is down: start it with `ates up`"):
        settings.require(found, "kafka", "registry")


def test_the_empty_company_gets_one_admin_and_no_logins_on_the_page() -> None:
    seed, auth = entry("seed", history="empty"), entry("web.auth", history="empty")
    assert isinstance(seed, Step)
    assert seed.arguments[:2] == ("seed", "--empty")
    assert auth.env["ATES_DEMO"] == "0"


def test_containers_begin_with_an_empty_company_and_show_no_logins() -> None:
    made = compose.plan(SECRETS)
    (auth,) = [one for one in processes.table(made) if one.id == "web.auth"]
    assert (made.history, auth.env["ATES_DEMO"]) == ("empty", "0")


def test_users_of_the_servers_end_before_the_servers() -> None:
    waves = {one.id: one.wave for one in processes.table(plan()) if isinstance(one, Process)}
    servers = {"kafka", "registry", "postgres"}
    assert max(wave for name, wave in waves.items() if name not in servers) < min(waves[name] for name in servers)

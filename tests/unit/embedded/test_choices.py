"""What the command line and the environment ask for, what was chosen before, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ates.domain.errors import SettingsError
from ates.embedded import StackError, child, choices, console
from ates.embedded.choices import Options
from ates.embedded.datadir import DataDirectory, ensure_logins
from ates.embedded.processes import Plan, table


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in choices.settings.names():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data")


def plan(data: DataDirectory, port: int | None = 0, history: str | None = None) -> Plan:
    return choices.make_plan(data, Options(port=port, history=history), console.Console())


def test_ports_passwords_and_logins_stay_as_they_were_chosen(data: DataDirectory) -> None:
    first, logins = plan(data), data.logins()
    second = plan(data, port=None)
    assert (second.ports, second.secrets, data.logins()) == (first.ports, first.secrets, logins)
    assert len({login["password"] for login in logins}) == len(logins) == 4


def test_a_directory_from_before_a_process_was_added_can_be_asked_and_gets_its_port_at_the_next_start(
    data: DataDirectory,
) -> None:
    plan(data)
    kept = data.kept()
    del kept["ports"]["web.topics"], kept["secrets"]["role.views"]
    data.write("kept.json", kept)
    assert "web.topics" in {entry.id for entry in table(choices.kept_plan(data, kept, console.Console()))}
    assert plan(data).ports["web.topics"] > 0


def test_the_gateway_keeps_8080_unless_told_otherwise(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices.ports, "require_free", lambda _port: None)
    assert plan(data, port=None).ports["gateway"] == 8080
    assert plan(data, port=9000).ports["gateway"] == 9000
    assert plan(data, port=None).ports["gateway"] == 9000


def test_an_empty_company_has_one_login_and_can_become_the_demo_company(data: DataDirectory) -> None:
    plan(data, history="empty")
    [admin] = data.logins()
    assert admin["role"] == "admin"
    plan(data, history="demo")
    assert data.logins()[0] == admin
    assert len(data.logins()) == 4


@pytest.mark.parametrize("name", ["ATES_KAFKA", "ATES_POSTGRES", "ATES_REGISTRY", "ATES_SMTP"])
def test_a_company_on_servers_of_ones_own_is_empty_unless_the_demo_is_asked_for(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    values = {"ATES_POSTGRES": "postgresql://a@b/c", "ATES_REGISTRY": "http://registry"}
    monkeypatch.setenv(name, values.get(name, "server:1"))
    assert plan(data).history == "empty"
    assert plan(data, history="demo").history == "demo"


def test_a_stack_has_one_id_and_tells_it_to_the_step_that_claims_the_servers(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claim() -> tuple[str, ...]:
        return next(entry.arguments for entry in table(plan(data)) if entry.id == "migrate")

    first = claim()
    assert first == claim() == ("migrate", "--owner", data.kept()["stack"])
    monkeypatch.setenv("ATES_KAFKA", "server:1")
    assert claim() == (*first, "--check-kafka")
    assert {need for entry in table(plan(data)) if entry.id == "topics" for need in entry.needs} == {"migrate"}
    data.write("kept.json", {name: value for name, value in data.kept().items() if name != "stack"})
    assert claim()[-1] == "--take-over"  # an older version made the directory, and its servers are its own


def test_the_demo_company_cannot_become_empty(data: DataDirectory) -> None:
    plan(data)
    with pytest.raises(StackError, match="holds the demo company"):
        plan(data, history="empty")


def test_a_server_or_certificate_given_last_time_is_not_used_this_time(data: DataDirectory) -> None:
    before = plan(data)
    left = {"ATES_SMTP": "mail.example:25", "ATES_TLS_CERT": "gone.pem", "ATES_TLS_KEY": "gone.pem"}
    data.write("stack.json", {"env": left, "processes": {}})
    assert plan(data).settings == before.settings


def test_time_zone_and_partitions_hold_on(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATES_TIMEZONE", "Europe/Prague")
    monkeypatch.setenv("ATES_LOG_LEVEL", "debug")
    plan(data)
    monkeypatch.delenv("ATES_TIMEZONE")
    monkeypatch.delenv("ATES_LOG_LEVEL")
    assert plan(data).given == {"ATES_TIMEZONE": "Europe/Prague"}


def test_a_mistake_in_a_setting_stops_up_before_anything_starts(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATES_TIMEZONE", "Europe/Popug")
    with pytest.raises(SettingsError, match="ATES_TIMEZONE"):
        plan(data)


def test_what_belongs_to_one_process_is_not_taken_from_the_users_environment(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATES_PORT", "1")
    monkeypatch.setenv("ATES_INSTANCE", "x")
    assert plan(data).given == {}


def test_logins_are_made_once(data: DataDirectory) -> None:
    data.prepare()
    ensure_logins(data, "demo")
    first = data.logins()
    ensure_logins(data, "demo")
    assert data.logins() == first


def test_a_long_log_starts_afresh_and_the_one_before_stays(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    with log.open("ab") as writer:
        writer.write(b"old\n")
        writer.flush()
        child.turn_over(log)
        writer.write(b"new\n")
    assert (log.read_bytes(), (tmp_path / "kafka.log.1").read_bytes()) == (b"new\n", b"old\n")


def test_on_a_kafka_of_ones_own_a_process_is_the_user_whose_password_is_given(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("", "all"), ("_WORKER_TASKS", "tasks")):
        monkeypatch.setenv(f"ATES_KAFKA_PASSWORD{name}", value)
    monkeypatch.setenv("ATES_KAFKA", "kafka:1")
    monkeypatch.setenv("ATES_KAFKA_USERNAME", "ates")
    users = {entry.id: entry.env.get("ATES_KAFKA_USERNAME") for entry in table(plan(data))}
    assert users["worker.tasks"] == "worker.tasks"
    assert users["worker.accounting"] in (None, "ates"), "as all others"

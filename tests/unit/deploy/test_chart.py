"""The Helm chart, rendered for three sets of values: what Kubernetes takes, and what the topology says."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ates.embedded import kubernetes as chart_gateway
from ates.embedded.gateway import SERVICES
from ates.platform import access, settings
from ates.platform.access import Acl
from ates.topology import DATABASE_ROLES, PROCESSES, TOPICS
from ates.topology_types import Worker

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy" / "helm" / "ates"
SETS = ("small", "production", "existing")
KUBERNETES = "1.34"
CUSTOM = {"KafkaTopic", "KafkaUser", "ServiceMonitor", "PrometheusRule", "ScaledObject"}
RESTARTED = 30  # seconds that a process has to end in

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed: .ci/run does it")


@cache
def rendered(values: str, *more: str) -> list[dict[str, Any]]:
    command = ["helm", "template", "ates", str(CHART), "--namespace", "work", "--kube-version", KUBERNETES]
    command += ["--values", str(CHART / "ci" / f"{values}-values.yaml"), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


def of_kind(values: str, *kinds: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in rendered(values) if one["kind"] in kinds}


def pods(values: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in rendered(values):
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]
        if one["kind"] == "CronJob":
            yield one["metadata"]["name"], one["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def variables(container: dict[str, Any]) -> dict[str, Any]:
    names = [entry["name"] for entry in container.get("env", [])]
    assert len(names) == len(set(names)), "a variable is given twice"
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container.get("env", [])}


def workload(values: str, process: str) -> dict[str, Any]:
    return of_kind(values, "Deployment", "StatefulSet")[f"ates-{process.replace('.', '-')}"]


@pytest.fixture(scope="module")
def kubernetes() -> Any:
    """Kubernetes' own published schemas, each file read once."""
    import kubernetes_validate
    from kubernetes_validate import utils

    patched = pytest.MonkeyPatch()
    patched.setattr(utils, "schema_contents", cache(utils.schema_contents))
    yield kubernetes_validate
    patched.undo()


@pytest.mark.parametrize("values", SETS)
def test_kubernetes_knows_every_field(kubernetes: Any, values: str) -> None:
    checked = [one for one in rendered(values) if one["kind"] not in CUSTOM]
    assert len(checked) > 40
    for one in checked:
        kubernetes.validate(one, KUBERNETES, strict=True)


def test_a_field_that_does_not_exist_is_found_out(kubernetes: Any) -> None:
    broken = json.loads(json.dumps(workload("small", "worker.tasks")))
    broken["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
    with pytest.raises(kubernetes.ValidationError, match="livenessProb"):
        kubernetes.validate(broken, KUBERNETES, strict=True)


@pytest.mark.parametrize("values", SETS)
def test_names_are_unique_in_their_kind(values: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in rendered(values)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("values", SETS)
def test_no_container_has_more_rights_than_it_needs(values: str) -> None:
    for name, pod in pods(values):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name  # else Kubernetes injects ATES_… variables of its own
        for container in containers(pod):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name


@pytest.mark.parametrize("values", SETS)
def test_no_secret_stands_in_the_chart(values: str) -> None:
    for name, pod in pods(values):
        for container in containers(pod):
            for variable, value in variables(container).items():
                if any(word in variable for word in ("PASSWORD", "SECRET", "KEYS")):
                    assert set(value) == {"secretKeyRef"}, (name, variable)


@pytest.mark.parametrize("values", SETS)
@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_runs_with_the_settings_that_it_reads(values: str, process: str) -> None:
    [container] = workload(values, process)["spec"]["template"]["spec"]["containers"]
    part, given = PROCESSES[process], variables(container)
    assert container["args"] == (["relay"] if process == "relay" else process.split("."))
    text = {name: value if isinstance(value, str) else "x" for name, value in given.items() if name[:5] == "ATES_"}
    read = settings.parse(text)  # raises for one that does not exist, or that makes no sense
    assert (read.kafka_username, read.host, read.port) == (process, "0.0.0.0", 8000)  # noqa: S104
    assert bool(read.postgres) == bool(part.database)
    if part.database:
        assert f"ates_{part.database}:$(POSTGRES_PASSWORD)@" in text["ATES_POSTGRES"]
    assert bool(read.csrf_secret) == process.startswith("web.")
    if process == "web.topics":
        assert [name for name, _ in read.processes] == list(PROCESSES)
        services = of_kind(values, "Service")
        assert {address.partition(":")[0] for _, address in read.processes} <= set(services)


@pytest.mark.parametrize("values", SETS)
@pytest.mark.parametrize("process", PROCESSES)
def test_a_worker_with_tables_keeps_its_name_and_its_disk(values: str, process: str) -> None:
    found, part = workload(values, process), PROCESSES[process]
    holds = isinstance(part, Worker) and any(agent.tables for agent in part.agents)
    [container] = found["spec"]["template"]["spec"]["containers"]
    assert found["kind"] == ("StatefulSet" if holds else "Deployment")
    assert ("ATES_INSTANCE" in variables(container)) == holds
    if holds:
        assert variables(container)["ATES_INSTANCE"] == {"fieldRef": {"fieldPath": "metadata.name"}}
        [claim] = found["spec"]["volumeClaimTemplates"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts[claim["metadata"]["name"]] == "/var/lib/ates/faust"


@pytest.mark.parametrize("values", SETS)
def test_every_workload_is_probed_has_time_to_end_and_is_drained_one_by_one(values: str) -> None:
    budgets = of_kind(values, "PodDisruptionBudget")
    for name, found in of_kind(values, "Deployment", "StatefulSet").items():
        pod = found["spec"]["template"]
        assert budgets[name]["spec"]["selector"] == found["spec"]["selector"]
        assert found["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert pod["spec"]["terminationGracePeriodSeconds"] >= RESTARTED
        for container in pod["spec"]["containers"]:
            assert {"startupProbe", "livenessProbe", "readinessProbe", "resources"} <= set(container), name
            slow = container["startupProbe"]
            assert slow["periodSeconds"] * slow["failureThreshold"] >= 120


@pytest.mark.parametrize(("values", "replication", "partitions"), [("small", 1, 4), ("production", 3, 12)])
def test_the_topics_of_strimzi_are_those_of_the_topology(values: str, replication: int, partitions: int) -> None:
    found = of_kind(values, "KafkaTopic")
    assert set(found) == set(TOPICS)
    for name, topic in TOPICS.items():
        spec = found[name]["spec"]
        assert spec["config"] == topic.config(replication), name
        assert (spec["partitions"], spec["replicas"]) == (topic.partition_count(partitions), replication)


def test_the_users_of_strimzi_have_the_acls_of_the_topology_and_no_other() -> None:
    spelt = {access.spelt(acl.operation): acl.operation for acl in access.acls()}
    kinds = {"topic": "topic", "group": "group", "transactionalId": "transactional_id", "cluster": "cluster"}
    found = set()
    users = of_kind("small", "KafkaUser")
    assert users.keys() == {*access.users(), access.OPERATOR}
    for user, one in users.items():
        for rule in one["spec"]["authorization"]["acls"] if user != access.OPERATOR else []:
            about = rule["resource"]
            name, prefixed = about.get("name", access.CLUSTER), about.get("patternType") == "prefix"
            found |= {Acl(user, spelt[it], kinds[about["type"]], name, prefixed) for it in rule["operations"]}  # type: ignore[arg-type]
    assert found == set(access.acls())


@pytest.mark.parametrize("values", SETS)
def test_the_steps_run_before_the_processes_and_in_their_order(values: str) -> None:
    job = of_kind(values, "Job")["ates-migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    steps = [container["args"] for container in containers(job["spec"]["template"]["spec"])]
    by_us = [] if of_kind(values, "KafkaTopic") else [["acls"], ["topics", "create"]]
    assert steps == [["migrate"], *by_us, ["schemas", "register"]]
    given = variables(containers(job["spec"]["template"]["spec"])[0])
    assert {f"ATES_DB_PASSWORD_{role.upper()}" for role in DATABASE_ROLES} <= set(given)


def test_the_users_of_an_existing_kafka_get_their_passwords() -> None:
    [acls] = [it for it in containers(dict(pods("existing"))["ates-migrate"]) if it["args"] == ["acls"]]
    given = {name: value for name, value in variables(acls).items() if name.startswith(access.PASSWORD_PREFIX)}
    assert {name: value["secretKeyRef"]["key"] for name, value in given.items()} == {
        access.variable(user): user for user in access.users()
    }


def test_what_runs_before_the_chart_needs_nothing_of_the_chart() -> None:
    account = of_kind("small", "ServiceAccount")["ates"]["metadata"]["annotations"]
    job = of_kind("small", "Job")["ates-migrate"]["metadata"]["annotations"]
    assert account["helm.sh/hook"] == job["helm.sh/hook"]
    assert int(account["helm.sh/hook-weight"]) < int(job["helm.sh/hook-weight"])


def test_the_gateway_finds_its_front_ends() -> None:
    services = of_kind("small", "Service")
    found = chart_gateway.addresses("ates", settings.Settings()).services
    assert set(found) == set(SERVICES)
    for host, port in found.values():
        assert services[host]["spec"]["ports"][0]["port"] == port


def test_workers_are_scaled_by_their_own_lag_up_to_their_partitions() -> None:
    found = of_kind("production", "ScaledObject")
    assert {f"ates-{name.replace('.', '-')}" for name in PROCESSES if name.startswith("worker.")} == set(found)
    for name, one in found.items():
        target = workload("production", name.removeprefix("ates-"))
        assert (one["spec"]["scaleTargetRef"]["kind"], one["spec"]["scaleTargetRef"]["name"]) == (target["kind"], name)
        assert one["spec"]["maxReplicaCount"] == 12
        assert "replicas" not in target["spec"]  # two who say how many would quarrel
        [trigger] = one["spec"]["triggers"]
        assert "ates_consumer_lag_records" in trigger["metadata"]["query"]


def test_prometheus_finds_every_process_and_has_the_alerts() -> None:
    [monitor] = of_kind("production", "ServiceMonitor").values()
    wanted, ports = monitor["spec"]["selector"]["matchLabels"], {one["port"] for one in monitor["spec"]["endpoints"]}
    services = of_kind("production", "Service").values()
    found = {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in services
             if wanted.items() <= one["metadata"]["labels"].items()
             and ports & {port["name"] for port in one["spec"]["ports"]}}  # fmt: skip
    assert found == {*PROCESSES, "gateway"}
    assert wanted[monitor["spec"]["jobLabel"]] == "ates"  # the job that alerts and dashboard name
    [rules] = of_kind("production", "PrometheusRule").values()
    assert rules["spec"] == yaml.safe_load((ROOT / "deploy" / "prometheus" / "ates.rules.yml").read_text())


def test_nothing_reaches_a_pod_unless_a_policy_says_so() -> None:
    found = of_kind("production", "NetworkPolicy")
    everybody = found["ates-default"]["spec"]
    assert everybody["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in everybody
    [outside] = found["ates-gateway"]["spec"]["ingress"]
    assert outside["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}]
    for _, pod in pods("production"):
        assert pod  # every pod carries the labels that the policies select
    for one in rendered("production"):
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert everybody["podSelector"]["matchLabels"].items() <= labels.items()
    assert not of_kind("existing", "NetworkPolicy")


def test_the_first_admin_is_made_by_who_may_close_the_day_before() -> None:
    for values in SETS:
        [seed] = dict(pods(values))["ates-seed"]["containers"]
        assert variables(seed)["ATES_KAFKA_USERNAME"] == access.OPERATOR


def test_every_value_has_a_default_and_is_used() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    templates = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    for name, value in values.items():
        inner = [f"{name}.{key}" for key in value] if isinstance(value, dict) else [name]
        for path in inner:
            last = path.rpartition(".")[2]
            assert path in templates or f".{last}" in templates, path


def test_the_development_container_installs_and_starts_everything() -> None:
    content = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    makefile = (ROOT / "Makefile").read_text()
    for step in ("postCreateCommand", "postStartCommand"):
        target = content[step].split()[1]
        assert f"\n{target}:" in makefile or target == ".venv/.installed"
    assert content["forwardPorts"] == [int(settings.Settings().gateway.rpartition(":")[2])]

"""Everything that runs, as data: one entry per process and per one-off step, with what it needs and its variables.

`ates up`, `ates status` and the test that compares docker-compose.yml all read this table.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ates import topology
from ates.embedded import gateway, kafka, postgres, probes, registry
from ates.embedded.datadir import DataDirectory
from ates.embedded.ports import LOOPBACK
from ates.platform import access
from ates.platform.origin import only_here
from ates.platform.settings import Settings
from ates.tools.demo.plan import DAYS
from ates.tools.lab.control import SOCKET

# Stopped in this order: those who use the servers first, then the servers.
FRONT, SERVERS = 1, 2

# Kinds that everything else depends on. Without one of the others the rest is worth running.
ESSENTIAL = ("broker", "registry", "database", "gateway")

# Setting given by the user -> the process that then is not started.
REPLACES = {
    "ATES_KAFKA": "kafka",
    "ATES_REGISTRY": "registry",
    "ATES_POSTGRES": "postgres",
    "ATES_SMTP": "inbox",
}

_LIVE_SECONDS = 10.0

# Ports of the embedded stack, chosen free and kept; the gateway's own is the user's choice.
PORTS = (
    *("kafka", "kafka.controller", "registry", "postgres", "smtp", "inbox", "gateway.admin"),
    *topology.PROCESSES,
)

KAFKA_USERS = (access.BROKER, *access.created())


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One long-running program. `needs` are ids that must be ready before it starts."""

    id: str
    kind: str
    probe: probes.Probe
    alive: probes.Probe | None = None  # "" as long as it gives a sign of life, ready or not
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()  # of `ates`, when `program` is not given
    program: Callable[[], list[str]] | None = None
    prepare: Callable[[], None] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    wave: int = FRONT
    user: str = "-"
    folder: Path | None = None  # where it is started; None is the data directory
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGKILL
    stop_seconds: float = 15.0
    death_seconds: float = 7.0

    def command(self) -> list[str]:
        return self.program() if self.program else [sys.executable, "-m", "ates", *self.arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command that runs to its end."""

    id: str
    title: str
    arguments: tuple[str, ...]
    needs: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "ates", *self.arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the table is made from. `given` are the user's own settings, as text and as parsed `settings`."""

    data: DataDirectory
    ports: Mapping[str, int]
    secrets: Mapping[str, str]
    given: Mapping[str, str]
    settings: Settings
    history: str  # demo or empty
    stack: str = ""  # id of the data directory, by which servers know whose they are; empty where nobody may claim them
    take_over: bool = False
    kafka_logins: Mapping[str, str] = field(default_factory=dict)  # user -> password, of a Kafka of one's own
    hosts: Mapping[str, str] = field(default_factory=dict)  # where a port is not on the loopback address
    kafka_home: Callable[[], Path] = Path
    registry_home: Callable[[], Path] = Path

    def embeds(self, process: str) -> bool:
        return not any(self.given.get(name) for name, replaced in REPLACES.items() if replaced == process)

    def address(self, port: str) -> str:
        """host:port of what listens on `port`."""
        return f"{self.host(port)}:{self.ports[port]}"

    def host(self, port: str) -> str:
        return self.hosts.get(port, LOOPBACK)

    def admin_dsn(self) -> str:
        return self.given.get("ATES_POSTGRES") or postgres.dsn(self.address("postgres"), self.secrets["postgres"])

    def role_dsn(self, role: str) -> str:
        return postgres.for_role(self.admin_dsn(), f"ates_{role}", self.secrets[f"role.{role}"])


def stack_environment(plan: Plan) -> dict[str, str]:
    """Variables that every process and command of this stack shares."""
    return {
        "ATES_DATA": str(plan.data.path),
        "ATES_KAFKA": plan.address("kafka"),
        **kafka_login(plan, access.OPERATOR),
        "ATES_REGISTRY": registry.url(plan.address("registry")),
        "ATES_SMTP": plan.address("smtp"),
        "ATES_GATEWAY": gateway_url(plan),
        "ATES_JWKS": f"http://{plan.address('web.auth')}/auth/.well-known/jwks.json",
        **plan.given,
    }


def inbox_url(plan: Plan) -> str:
    """The page of caught mails; who knows this address may read them."""
    return f"http://{plan.address('inbox')}/{plan.secrets['inbox']}"


def kafka_login(plan: Plan, user: str, mechanism: str = kafka.MECHANISM) -> dict[str, str]:
    """The variables of a client that connects to Kafka as `user`; none where that user of an own Kafka is not known."""
    if not plan.embeds("kafka"):
        password = plan.kafka_logins.get(user)
        return {"ATES_KAFKA_USERNAME": user, "ATES_KAFKA_PASSWORD": password} if password else {}
    return {
        "ATES_KAFKA_SECURITY": kafka.PROTOCOL,
        "ATES_KAFKA_SASL_MECHANISM": mechanism,
        "ATES_KAFKA_USERNAME": user,
        "ATES_KAFKA_PASSWORD": plan.secrets[f"kafka.{user}"],
    }


def registry_login(plan: Plan) -> dict[str, str]:
    """The variable of a client that registers schemas; none where the embedded registry does not ask for it."""
    key = plan.secrets.get("registry")
    return {"ATES_REGISTRY_TOKEN": registry.token(key)} if key and plan.embeds("registry") else {}


def kafka_passwords(plan: Plan) -> dict[str, str]:
    """User of the embedded Kafka -> password."""
    return {user: plan.secrets[f"kafka.{user}"] for user in KAFKA_USERS}


def gateway_url(plan: Plan) -> str:
    """The public origin: what people and programs outside use."""
    return f"{'https' if plan.settings.tls_cert else 'http'}://{plan.address('gateway')}"


def table(plan: Plan) -> list[Process | Step]:
    """All processes and steps of a stack, those that the user's own servers replace left out."""
    everything: list[Process | Step] = [
        *_servers(plan),
        *_steps(plan),
        *_workers(plan),
        *_front_ends(plan),
        _gateway(plan),
        _seed(plan),
    ]
    # In a Kafka of their own, operators run `ates acls` themselves.
    return [entry for entry in everything if plan.embeds(entry.id) and (entry.id != "acls" or plan.embeds("kafka"))]


def _servers(plan: Plan) -> list[Process]:
    folder, ports = plan.data.path, plan.ports
    return [
        Process(
            id="kafka",
            kind="broker",
            probe=probes.kafka(LOOPBACK, ports["kafka"], access.BROKER, plan.secrets[f"kafka.{access.BROKER}"]),
            prepare=lambda: kafka.prepare(
                folder / "kafka", plan.kafka_home(), ports["kafka"], ports["kafka.controller"], kafka_passwords(plan)
            ),
            program=lambda: kafka.command(folder / "kafka", plan.kafka_home()),
            env={"MALLOC_ARENA_MAX": "2"},
            wave=SERVERS,
            stop_seconds=30,
        ),
        Process(
            id="registry",
            kind="registry",
            probe=probes.http(registry.url(plan.address("registry")) + "/subjects"),
            program=lambda: registry.command(
                plan.registry_home(), folder / "registry", ports["registry"], plan.secrets["registry"]
            ),
            env={"MALLOC_ARENA_MAX": "2"},
            wave=SERVERS,
        ),
        Process(
            id="postgres",
            kind="database",
            probe=probes.postgres(postgres.dsn(plan.address("postgres"), plan.secrets["postgres"])),
            prepare=lambda: postgres.prepare(folder / "postgres", plan.secrets["postgres"]),
            program=lambda: postgres.command(folder / "postgres", ports["postgres"]),
            wave=SERVERS,
            user=postgres.unprivileged_user(),
            folder=folder / "postgres",
            stop_signal=signal.SIGINT,  # "fast": end the sessions, write a checkpoint
            # "immediate": its own children end too, those that hear nothing after 5 s; recovery at the next start
            death_signal=signal.SIGQUIT,
        ),
        _python(plan, "inbox", "mail", ("inbox",), own={"ATES_INBOX_KEY": plan.secrets["inbox"], **_demo(plan)}),
    ]


def _steps(plan: Plan) -> list[Step]:
    passwords = {f"ATES_DB_PASSWORD_{role.upper()}": plan.secrets[f"role.{role}"] for role in topology.DATABASE_ROLES}
    shared = stack_environment(plan)
    return [
        Step(
            id="migrate",
            title="database schema",
            arguments=("migrate", *_claim(plan)),
            needs=_present(plan, "postgres"),
            env={**shared, "ATES_POSTGRES": plan.admin_dsn(), **passwords},
        ),
        Step(
            id="acls",
            title="Kafka's users and ACLs",
            arguments=("acls",),
            needs=("kafka",),
            env={
                **shared,
                **kafka_login(plan, access.BROKER, "PLAIN"),  # the one user who is there before it
                **{access.variable(user): plan.secrets[f"kafka.{user}"] for user in access.created()},
            },
        ),
        Step(
            id="topics",
            title="topics",
            arguments=("topics", "create"),
            needs=("acls",) if plan.embeds("kafka") else _claimed(plan),
            env=shared,
        ),
        Step(
            id="schemas",
            title="record schemas",
            arguments=("schemas", "register"),
            needs=_present(plan, "registry") or _claimed(plan),
            env={**shared, **registry_login(plan)},
        ),
    ]


def _claim(plan: Plan) -> tuple[str, ...]:
    """The arguments by which `ates migrate` refuses servers of another stack."""
    if not plan.stack:
        return ()
    kafka = () if plan.embeds("kafka") else ("--check-kafka",)
    return ("--owner", plan.stack, *kafka, *(("--take-over",) if plan.take_over else ()))


def _claimed(plan: Plan) -> tuple[str, ...]:
    """Nothing is written to servers that the user brought before it is known whose they are."""
    return ("migrate",) if plan.stack else ()


def _workers(plan: Plan) -> list[Process]:
    return [
        _python(
            plan,
            worker.id,
            "worker",
            ("worker", name),
            role=worker.database,
            # Known by name to its consumer group: after a kill -9 it takes its partitions back at once.
            own={"ATES_INSTANCE": f"{name}-1", **(_past(plan) if name == "tasks" else {})},
            needs=("migrate", "topics", "schemas"),
        )
        for name, worker in topology.WORKERS.items()
    ]


def _demo(plan: Plan) -> dict[str, str]:
    return {"ATES_DEMO": "1" if plan.history == "demo" else "0"}


def _past(plan: Plan) -> dict[str, str]:
    """The demo company split Jira ids from titles half a month ago: before that, its log holds version 1 records."""
    if plan.history != "demo":
        return {}
    begins = datetime.now(UTC).date() - timedelta(days=DAYS // 2)
    return {"ATES_TITLES_SPLIT_FROM": f"{begins}T00:00:00Z"}


def lab_socket(plan: Plan) -> Path | None:
    """Where the supervisor takes the lab's orders: in a demo with its own servers, reached from this machine alone."""
    here = only_here(stack_environment(plan)["ATES_GATEWAY"]) and plan.embeds("kafka") and plan.embeds("postgres")
    return plan.data.path / SOCKET if here and plan.history == "demo" else None


def lab_environment(plan: Plan) -> dict[str, str]:
    """Variables of an experiment: it sends and reads as the topics front end does, and looks at the read models."""
    return {
        **stack_environment(plan),
        **kafka_login(plan, topology.FRONT_ENDS["topics"].id),
        "ATES_POSTGRES": plan.role_dsn("audit"),
        "ATES_LAB": str(lab_socket(plan) or ""),
    }


def _front_ends(plan: Plan) -> list[Process]:
    csrf = {"ATES_CSRF_SECRET": plan.secrets["csrf"]}
    lab = {"ATES_LAB": str(socket)} if (socket := lab_socket(plan)) else {}
    others = {
        "auth": {"ATES_KEYS": str(plan.data.path / "keys"), **_demo(plan)},
        "analytics": {"ATES_QUERY_POSTGRES": plan.role_dsn("query")},
        "topics": {"ATES_PROCESSES": ",".join(f"{name}={at}" for name, at in own_addresses(plan).items()), **lab},
    }
    needs = ("migrate", "topics", "schemas")
    return [
        *(
            _python(
                plan,
                front_end.id,
                "web",
                ("web", name),
                role=front_end.database,
                own={**csrf, **others.get(name, {})},
                needs=needs,
            )
            for name, front_end in topology.FRONT_ENDS.items()
        ),
        _python(plan, "relay", "relay", ("relay",), role=topology.RELAY.database, needs=needs),
    ]


def _python(
    plan: Plan,
    name: str,
    kind: str,
    arguments: tuple[str, ...],
    *,
    role: str = "",
    own: Mapping[str, str] | None = None,
    needs: tuple[str, ...] = (),
) -> Process:
    url = f"http://{plan.address(name)}"
    return Process(
        id=name,
        kind=kind,
        arguments=arguments,
        probe=probes.http(f"{url}/readyz"),
        alive=probes.http(f"{url}/livez", seconds=_LIVE_SECONDS),
        needs=needs,
        url=url if kind in ("web", "mail") else "",
        env={
            **stack_environment(plan),
            "ATES_PORT": str(plan.ports[name]),
            "ATES_POSTGRES": plan.role_dsn(role) if role else "",
            **(kafka_login(plan, name) if name in topology.PROCESSES else {}),
            **(own or {}),
        },
    )


def _gateway(plan: Plan) -> Process:
    folder = plan.data.path / "gateway"
    return Process(
        id="gateway",
        kind="gateway",
        probe=probes.http(f"http://{plan.address('gateway.admin')}/ready"),
        prepare=lambda: gateway.write(
            folder / "envoy.yaml", gateway.embedded(plan.ports, plan.settings, plan.given.get("ATES_GATEWAY", ""))
        ),
        program=lambda: gateway.command(folder / "envoy.yaml"),
        folder=folder,
        needs=("web.auth",),
        url=gateway_url(plan),
    )


def _seed(plan: Plan) -> Step:
    return Step(
        id="seed",
        title="demo company" if plan.history == "demo" else "first admin",
        arguments=("seed", f"--{plan.history}", "--logins", str(plan.data.logins_file)),
        needs=(
            "gateway",
            *topology.PROCESSES,
            *_present(plan, "inbox"),
        ),
        env={**stack_environment(plan), "ATES_POSTGRES": plan.admin_dsn()},
    )


def _present(plan: Plan, *needs: str) -> tuple[str, ...]:
    return tuple(name for name in needs if plan.embeds(name))


def own_addresses(plan: Plan) -> dict[str, str]:
    """Where each aTES process answers `/livez`, `/readyz` and `/metrics`: name -> host:port."""
    return {name: plan.address(name) for name in topology.PROCESSES}


def prometheus_targets(plan: Plan) -> list[dict[str, Any]]:
    """What Prometheus reads to find all processes (its `file_sd_configs`), the gateway's own metrics among them."""
    gateway_stats = {"process": "gateway", "__metrics_path__": "/stats/prometheus"}
    return [
        *({"targets": [where], "labels": {"process": name}} for name, where in own_addresses(plan).items()),
        {"targets": [plan.address("gateway.admin")], "labels": gateway_stats},
    ]


# These belong to the running process; one that is started by hand beside it must not take them over.
_RUNNING_ONE = ("ATES_DATA", "ATES_PORT", "ATES_INSTANCE")


def settings_file(plan: Plan, entries: list[Process | Step]) -> dict[str, object]:
    """What `stack.json` says: the shared variables, and each process's own beside them."""
    shared = {**stack_environment(plan), "ATES_POSTGRES": plan.admin_dsn(), **registry_login(plan)}
    del shared["ATES_DATA"]
    own = {
        entry.id: {
            name: value
            for name, value in entry.env.items()
            if name.startswith("ATES_") and name not in _RUNNING_ONE and shared.get(name) != value
        }
        for entry in entries
        if isinstance(entry, Process) and not entry.program
    }
    # Commands, started by hand.
    own["audit"] = {"ATES_POSTGRES": plan.role_dsn("audit"), **kafka_login(plan, access.AUDITOR)}
    own["close-day"] = {"ATES_POSTGRES": plan.role_dsn("accounting")}
    own["rebuild"] = {"ATES_POSTGRES": plan.role_dsn("views"), **kafka_login(plan, access.AUDITOR)}
    own["topics"] = kafka_login(plan, access.AUDITOR)
    own["import"] = kafka_login(plan, access.IMPORTER)
    own["demo"] = {"ATES_POSTGRES": plan.role_dsn("audit"), **kafka_login(plan, access.IMPORTER)}
    own["lab"] = {"ATES_LAB": str(lab_socket(plan) or "")}
    return {"env": shared, "processes": own, "embedded": _embedded_settings(plan)}


def _embedded_settings(plan: Plan) -> list[str]:
    """The settings that lead nowhere while this stack is down."""
    databases = ["ATES_POSTGRES", "ATES_QUERY_POSTGRES"] if plan.embeds("postgres") else []
    servers = [name for name, process in REPLACES.items() if plan.embeds(process) and name not in databases]
    return ["ATES_GATEWAY", "ATES_JWKS", "ATES_LAB", "ATES_PROCESSES", *servers, *databases]

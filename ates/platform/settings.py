"""One frozen settings object, read from `ATES_*` variables. Unknown or malformed values fail by name.

Three layers, the later wins: defaults, what the running stack wrote to `<data>/stack.json`, the environment.
So a process started by hand beside `ates up` finds the same Kafka, registry and Postgres without being told. Of a
stack that is down only what outlives it counts: the servers that the user brought.
"""

from __future__ import annotations

import difflib
import fcntl
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ates.domain.accounts.permissions import ROLES
from ates.domain.errors import SettingsError
from ates.platform import environment

PREFIX = environment.PREFIX
STACK_FILE = "stack.json"
LOCK_FILE = "up.lock"  # held by the supervisor as long as it lives


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError("a port is 0 to 65535")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("must be 1 or more")
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 16:
        raise ValueError("must be 0 to 16")
    return number


def _timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a folder of the database of zones, too
        raise ValueError("not an IANA time zone name such as Europe/Prague") from error


def _directory(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # ~nobody
        raise ValueError("nobody has this home directory") from error


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or (parts.port or 1) < 1:
        raise ValueError("must be http:// or https:// and a host")
    return text.rstrip("/")


def _dsn(text: str) -> str:
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be a postgresql:// URL")
    return text


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("must be a time with its zone, such as 2026-11-23T00:00:00Z")
    return moment


def _mailbox(text: str) -> str:
    user, at, domain = parseaddr(text)[1].rpartition("@")
    if not (user and at and domain):
        raise ValueError("not a sender such as aTES <payouts@example.org>")
    return text


def _addresses(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if not all(name and ":" in address for name, _, address in pairs):
        raise ValueError("must be name=host:port, with commas between")
    return tuple((name, address) for name, _, address in pairs)


def _flag(text: str) -> bool:
    return _one_of("0", "1")(text) == "1"


def _readers(text: str) -> tuple[str, ...]:
    found = tuple(role for role in text.split(",") if role)
    if not all(role in ROLES for role in found):
        raise ValueError(f"must be roles with commas between: {', '.join(ROLES)}")
    return found


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return parse


def _setting(default: Any, parse: Callable[[str], Any] = str, *, help: str, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"parse": parse, "help": help, "secret": secret})


def default_data_directory() -> Path:
    """Where the embedded stack keeps everything when nobody says otherwise (XDG base directories)."""
    return Path(os.environ.get("XDG_DATA_HOME") or home_directory("XDG_DATA_HOME") / ".local" / "share") / "ates"


def home_directory(variable: str) -> Path:
    """The user's home. Raises `SettingsError` where none is known, naming the `variable` to set instead."""
    try:
        return Path.home()
    except RuntimeError as error:
        detail = f"this user has no home directory: set HOME, or {variable}"
        raise SettingsError("no_home", detail) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Field `kafka_username` is read from `ATES_KAFKA_USERNAME`, and so on. Secrets stay out of `repr`."""

    data: Path = _setting(Path(), _directory, help="data directory of the embedded stack")
    kafka: str = _setting("", help="bootstrap servers, host:port[,host:port]")
    kafka_security: str = _setting(
        "PLAINTEXT", _one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), help="Kafka security protocol"
    )
    kafka_sasl_mechanism: str = _setting(
        "SCRAM-SHA-512", _one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"), help="SASL mechanism"
    )
    kafka_username: str = _setting("", help="SASL user")
    kafka_password: str = _setting("", help="SASL password", secret=True)
    kafka_ca: str = _setting("", help="file with the CA certificates to trust for Kafka")
    kafka_cert: str = _setting(
        "", help="file with this client's certificate chain for Kafka (PEM); with ATES_KAFKA_KEY"
    )
    kafka_key: str = _setting("", help="file with the key of ATES_KAFKA_CERT (PEM, without a passphrase)")
    kafka_token_file: str = _setting("", help="file with the bearer token of OAUTHBEARER; read for each connection")
    kafka_token_command: str = _setting("", help="command that prints the bearer token of OAUTHBEARER")
    kafka_replication: int = _setting(1, _positive, help="replication factor of topics that aTES creates")
    registry: str = _setting("", _url, help="base URL of the Confluent-compatible schema registry")
    registry_username: str = _setting("", help="schema registry user")
    registry_password: str = _setting("", help="schema registry password", secret=True)
    registry_token: str = _setting("", help="token for the schema registry, in the place of a user", secret=True)
    registry_ca: str = _setting("", help="file with the CA certificates to trust for the schema registry")
    postgres: str = _setting("", _dsn, help="postgresql:// URL of this process's own role", secret=True)
    query_postgres: str = _setting(
        "", _dsn, help="postgresql:// URL of the role that runs people's own SQL (analytics only)", secret=True
    )
    smtp: str = _setting("", help="mail server, host:port")
    inbox_key: str = _setting(
        "", help="what the embedded inbox asks for, the first part of its page's path", secret=True
    )
    smtp_username: str = _setting("", help="mail server user")
    smtp_password: str = _setting("", help="mail server password", secret=True)
    smtp_ca: str = _setting("", help="file with the CA certificates to trust for the mail server")
    mail_from: str = _setting("aTES <payouts@uberpopug.example>", _mailbox, help="sender of payout mails")
    timezone: ZoneInfo = _setting(ZoneInfo("UTC"), _timezone, help="IANA name of the business day's time zone")
    partitions: int = _setting(4, _positive, help="partitions of a topic, fixed when topics are created")
    log: str = _setting("console", _one_of("console", "json"), help="console for people, json for machines")
    log_level: str = _setting("info", _one_of("debug", "info", "warning", "error"), help="least severe level logged")
    host: str = _setting("127.0.0.1", help="address that this process binds to")
    port: int = _setting(0, _port, help="port that this process serves HTTP on; 0 picks a free one")
    gateway: str = _setting("http://127.0.0.1:8080", _url, help="public origin of the gateway")
    proxies: int = _setting(
        0, _count, help="how many proxies of yours stand before the gateway and add to X-Forwarded-For"
    )
    jwks: str = _setting("", _url, help="URL of auth's JSON Web Key Set")
    keys: str = _setting("", help="directory of auth's signing keys (auth only)")
    signing_keys: str = _setting(
        "", help="auth's signing keys as a JSON Web Key Set, in the place of ATES_KEYS (auth only)", secret=True
    )
    tls_cert: str = _setting(
        "", help="file with the gateway's certificate chain (PEM); with ATES_TLS_KEY it speaks TLS"
    )
    tls_key: str = _setting("", help="file with the key of ATES_TLS_CERT (PEM)")
    csrf_secret: str = _setting("", help="key of the CSRF tokens, shared by the front ends", secret=True)
    instance: str = _setting("", help="stable name of this process in its consumer group (static membership)")
    processes: tuple[tuple[str, str], ...] = _setting(
        (), _addresses, help="what the status page asks, name=host:port with commas (topics only)"
    )
    otlp: str = _setting("", _url, help="OTLP/HTTP endpoint of an OpenTelemetry collector; empty: no traces")
    store: Literal["rocksdb", "memory"] = _setting(
        "rocksdb", _one_of("rocksdb", "memory"), help="where a worker keeps its tables: rocksdb on its disk, or memory"
    )
    codec: Literal["compiled", "fastavro"] = _setting(
        "compiled",
        _one_of("compiled", "fastavro"),
        help="reads and writes records: compiled where it was built, or fastavro everywhere",
    )
    titles_split_from: datetime | None = _setting(
        None, _moment, help="tasks created before this moment are written as version 1 of TaskCreated (worker.tasks)"
    )
    demo: bool = _setting(
        False, lambda text: _one_of("0", "1")(text) == "1", help="1 shows the demo logins on the login page"
    )
    topics_readers: tuple[str, ...] = _setting(
        (), _readers, help="roles that may look into topics beside admin, mail addresses masked; with commas between"
    )
    masked: bool = _setting(
        False, _flag, help="1 masks mail addresses in whatever is shown of records, on the command line too"
    )
    lab: str = _setting("", help="socket of the supervisor of a demo, for the lab (web.topics)")


def names() -> dict[str, str]:
    """Every variable with its one-line help."""
    return {PREFIX + f.name.upper(): f.metadata["help"] for f in fields(Settings)}


# Given to one command only, not part of a process's settings.
_OTHER_PREFIXES = ("ATES_DB_PASSWORD_", "ATES_KAFKA_PASSWORD_", "ATES_TEST_")


def _is_of_one_command(name: str) -> bool:
    return name.startswith(_OTHER_PREFIXES) and name != "ATES_KAFKA_PASSWORD_FILE"


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of an environment, secrets read from their files. Raises `SettingsError`."""
    own = {k: v for k, v in environment.variables(environ, names()).items() if not _is_of_one_command(k)}
    return environment.with_files(own, [PREFIX + f.name.upper() for f in fields(Settings) if f.metadata["secret"]])


def load(process: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of `process` (such as `worker.tasks`; empty for a command).

    Raises `SettingsError` naming the variable.
    """
    environ = os.environ if environ is None else environ
    own = given(environ)
    data = own.get("ATES_DATA") or str(default_data_directory())
    return parse({**_stack_layer(parse({"ATES_DATA": data}).data, process), **own, "ATES_DATA": data})


def _stack_layer(data: Path, process: str) -> dict[str, str]:
    try:
        stack = json.loads((data / STACK_FILE).read_text(encoding="utf-8"))
    except OSError:  # not there, not for us, too long, or below something that is no directory
        return {}
    except ValueError as error:
        raise SettingsError("settings_unreadable", f"{data / STACK_FILE} is not JSON: {error}") from error
    layer = {**stack.get("env", {}), **stack.get("processes", {}).get(process, {})}
    gone = () if is_up(data) else stack.get("embedded", ())
    return {name: value for name, value in layer.items() if name not in gone}


def is_up(data: Path) -> bool:
    """Whether a supervisor runs on the data directory `data`, ready or not."""
    try:
        with (data / LOCK_FILE).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def parse(variables: Mapping[str, str]) -> Settings:
    """Settings from these variables and the defaults alone. Raises `SettingsError` naming the variable."""
    known = {PREFIX + f.name.upper(): f for f in fields(Settings)}
    values: dict[str, Any] = {}
    for name, text in variables.items():
        if name not in known:
            raise SettingsError("setting_unknown", f"{name}: no such setting{_suggest(name, known)}")
        setting = known[name]
        if text == "" and setting.default == "":
            continue
        try:
            values[setting.name] = setting.metadata["parse"](text)
        except ValueError as error:
            shown = "its value" if setting.metadata["secret"] else repr(text)
            raise SettingsError("setting_malformed", f"{name}: {shown}: {error}") from error
    return Settings(**values)


def _suggest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def require(settings: Settings, *needed: str) -> None:
    """Fail by name when one of the settings `needed` is empty."""
    for name in needed:
        if not getattr(settings, name):
            missing = f"{PREFIX}{name.upper()} is not set"
            if (settings.data / STACK_FILE).exists() and not is_up(settings.data):
                raise SettingsError(
                    "stack_down", f"the stack in {settings.data} is down: start it with `ates up` ({missing})"
                )
            raise SettingsError("setting_missing", f"{missing}, and no running stack was found in {settings.data}")

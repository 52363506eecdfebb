"""The `ATES_` variables of an environment: secrets from mounted files, and without the names that others inject."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from ates.domain.errors import SettingsError

PREFIX = "ATES_"
FILE = "_FILE"
"""`ATES_KAFKA_PASSWORD_FILE` names a file that holds `ATES_KAFKA_PASSWORD`."""

# Kubernetes tells every container of every service: of one named `ates-registry` by ATES_REGISTRY_SERVICE_HOST and
# others (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
_INJECTED = re.compile(
    r"ATES_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)", re.ASCII
)
_LINK = re.compile(r"(tcp|udp|sctp)://")


def variables(environ: Mapping[str, str], known: Collection[str] = ()) -> dict[str, str]:
    """The variables that begin with `ATES_`, without those of Kubernetes; a variable of `known` always counts."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(PREFIX) and not _is_injected(name, value, known)
    }


def _is_injected(name: str, value: str, known: Collection[str]) -> bool:
    if name.endswith("_PORT") and _LINK.match(value):
        return True
    return name not in known and _INJECTED.fullmatch(name) is not None


def with_files(found: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """`found` with each `NAME_FILE` of a secret replaced by `NAME` and the file's text, the last line break left out.

    Raises `SettingsError` for a file that cannot be read, and where both are set.
    """
    result = dict(found)
    for name in secrets:
        if path := result.pop(name + FILE, ""):
            if result.get(name):
                raise SettingsError("setting_twice", f"{name} and {name}{FILE} are both set")
            result[name] = text_of(name + FILE, path)
    return result


def text_of(name: str, path: str) -> str:
    """The text of the file that the variable `name` names. Raises `SettingsError`."""
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError, RuntimeError) as error:
        raise SettingsError("setting_malformed", f"{name}: {path}: {error}") from error

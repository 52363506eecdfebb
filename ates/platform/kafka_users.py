"""Creates the users and ACLs of `ates.platform.access` in a Kafka that authenticates its clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from ates.domain.errors import SettingsError
from ates.platform import access, reach
from ates.platform.access import Acl
from ates.platform.kafka import librdkafka_options
from ates.platform.settings import Settings

_ITERATIONS = 4096  # the least that Kafka takes; the passwords are random
_SECONDS = 30.0
_KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,  # librdkafka's name for the cluster
}


def ensure(settings: Settings, given: Mapping[str, str]) -> int:
    """Set the passwords in `given` (user -> password), and give every user exactly its ACLs.

    Returns how many ACLs changed. Other users and their ACLs are not touched. Raises `Unavailable`, and `SettingsError`
    if we are not allowed to.
    """
    admin = AdminClient(librdkafka_options(settings) | {"log_level": 2})
    with _Errors(settings):
        if given:
            _wait(admin.alter_user_scram_credentials([_credential(*it) for it in given.items()]).values())
        wanted, present = {_binding(acl) for acl in access.acls()}, _present(admin)
        if new := list(wanted - present):
            _wait(admin.create_acls(new, request_timeout=_SECONDS).values())
        if old := [_exactly(binding) for binding in present - wanted]:
            _wait(admin.delete_acls(old, request_timeout=_SECONDS).values())
    return len(wanted ^ present)


def _present(admin: AdminClient) -> set[AclBinding]:
    """The ACLs that our users have now."""
    ours = {f"User:{user}" for user in access.users()}
    anything = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    found = admin.describe_acls(anything, request_timeout=_SECONDS).result()
    return {binding for binding in found if binding.principal in ours}


def _credential(user: str, password: str) -> UserScramCredentialUpsertion:
    about = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, _ITERATIONS)
    return UserScramCredentialUpsertion(user, about, password.encode())


def _binding(acl: Acl) -> AclBinding:
    return AclBinding(
        _KINDS[acl.kind],
        acl.name,
        ResourcePatternType.PREFIXED if acl.prefixed else ResourcePatternType.LITERAL,
        f"User:{acl.user}",
        "*",
        AclOperation[acl.operation],
        AclPermissionType.ALLOW,
    )


def _exactly(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype, binding.name, binding.resource_pattern_type, binding.principal, binding.host,
        binding.operation, binding.permission_type,
    )  # fmt: skip


def _wait(futures: Iterable[Any]) -> None:
    for future in futures:
        future.result(_SECONDS)


class _Errors:
    """Turns errors of Kafka's client into ours."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KafkaException):
            said = error.args[0]
            if "AUTHORIZATION" in said.name():
                detail = f"Kafka at {self._settings.kafka}: {said.str()}"
                raise SettingsError("kafka_access_refused", detail) from error
            raise reach.reason_for_thread(self._settings, said.str()) from error

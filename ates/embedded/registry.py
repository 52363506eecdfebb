"""The schema registry: Apicurio with a file database, speaking the Confluent API.

Everybody may read schemas. Registering and deleting takes a token that the stack's own key has signed: Apicurio's users
come from an OpenID Connect provider, and Quarkus verifies a provider's tokens by a public key alone where it is given
one (`quarkus.oidc.public-key`).
"""

from __future__ import annotations

import base64
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ates.embedded import java
from ates.embedded.ports import LOOPBACK

API = "/apis/ccompat/v7"
_ROLE = "sr-admin"  # Apicurio's name of the role that may do everything
_KEY_BITS = 2048
_YEAR_2100 = 4_102_444_800


def url(address: str) -> str:
    """Base URL of the Confluent-compatible API at `address`, host:port."""
    return f"http://{address}{API}"


def new_key() -> str:
    """A private key in PEM, for `token`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def token(key: str) -> str:
    """What a client shows to write: a JSON Web Token that is the same each time, and valid as long as the key is."""
    return jwt.encode({"sub": "ates", "groups": [_ROLE], "iat": 0, "exp": _YEAR_2100}, key, algorithm="RS256")


def _public_part(key: str) -> str:
    public = load_pem_private_key(key.encode(), password=None).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _authorization(key: str) -> tuple[str, ...]:
    return (
        "-Dregistry.auth.enabled=true",
        "-Dregistry.auth.role-based-authorization=true",
        "-Dregistry.auth.anonymous-read-access.enabled=true",
        "-Dquarkus.oidc.tenant-enabled=true",
        f"-Dquarkus.oidc.public-key={_public_part(key)}",
    )


def command(home: Path, directory: Path, port: int, key: str) -> list[str]:
    """The registry in the foreground; `home` is the unpacked archive, `directory` holds its database. Without a `key`
    everybody may write."""
    [runner] = home.glob("*-runner.jar")
    # H2 delays its writes by half a second unless told otherwise: a kill -9 would then lose a schema whose id
    # is already inside records.
    database = f"jdbc:h2:file:{directory / 'registry'};WRITE_DELAY=0"
    return [
        str(java.find()),
        "-Xmx160m",
        "-Xms64m",
        *java.SMALL,
        f"-Dquarkus.http.host={LOOPBACK}",
        f"-Dquarkus.http.port={port}",
        f"-Dregistry.datasource.url={database}",
        f"-Dquarkus.datasource.jdbc.url={database}",
        *(_authorization(key) if key else ()),
        "-Dquarkus.http.io-threads=2",
        "-Dquarkus.thread-pool.max-threads=8",
        "-Dquarkus.log.level=WARN",
        '-Dquarkus.log.category."io.apicurio".level=WARN',
        '-Dquarkus.log.category."io.apicurio.common.apps.logging.audit".level=WARN',
        "-jar",
        str(runner),
    ]

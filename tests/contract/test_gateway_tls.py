"""The gateway with a certificate: TLS, and what may only be said over TLS."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ates.domain.errors import SettingsError
from ates.embedded import gateway, ports
from ates.embedded.gateway import Tls
from ates.platform.settings import Settings


def _self_signed(folder: Path) -> Tls:
    key, now = generate_private_key(SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ates")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Tls(str(folder / "cert.pem"), str(folder / "key.pem"))


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return _self_signed(tmp_path)


@pytest.fixture
def port(tls: Tls, tmp_path: Path) -> Iterator[int]:
    chosen = ports.choose(["gateway", "gateway.admin", *(f"web.{name}" for name in gateway.SERVICES)], {})
    gateway.write(tmp_path / "envoy.yaml", gateway.embedded(chosen, Settings(tls_cert=tls.cert, tls_key=tls.key)))
    with (tmp_path / "envoy.log").open("wb") as log:
        process = subprocess.Popen(
            gateway.command(tmp_path / "envoy.yaml"), cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT
        )
    yield chosen["gateway"]
    process.terminate()
    process.wait(10)


async def _answer(url: str, trusted: ssl.SSLContext) -> aiohttp.ClientResponse:
    async with asyncio.timeout(30), aiohttp.ClientSession() as client:
        while True:
            try:
                return await client.get(url, ssl=trusted)
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.2)


async def test_with_a_certificate_the_gateway_speaks_tls_and_says_so_for_a_year(port: int, tls: Tls) -> None:
    answer = await _answer(f"https://127.0.0.1:{port}/nowhere", ssl.create_default_context(cafile=tls.cert))
    assert answer.status == 404
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_certificate_needs_its_key_and_both_are_looked_at_before_the_start(tls: Tls, tmp_path: Path) -> None:
    assert gateway.tls_of(Settings()) is None
    assert gateway.tls_of(Settings(tls_cert=tls.cert, tls_key=tls.key)) == tls
    with pytest.raises(SettingsError, match="ATES_TLS_KEY"):
        gateway.tls_of(Settings(tls_cert=tls.cert))
    with pytest.raises(SettingsError, match="ATES_TLS_CERT"):
        gateway.tls_of(Settings(tls_cert=str(tmp_path / "missing.pem"), tls_key=tls.key))
    with pytest.raises(SettingsError, match="ATES_TLS_CERT"):
        gateway.tls_of(Settings(tls_cert=tls.key, tls_key=tls.cert))

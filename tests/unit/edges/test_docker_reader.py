"""An engine that does not answer: it is asked once, and for seconds only, and why is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import pytest

from monops.domain.errors import EngineUnreachable
from monops.edges.docker_reader import WITHIN, DockerReader


def test_an_engine_that_does_not_answer_is_connected_to_once_and_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def connect(*, environment: Any, timeout: float) -> None:
        tried.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(docker, "from_env", connect)
    reader = DockerReader({"DOCKER_HOST": "tcp://192.0.2.1:2375"})
    for path in ("/info", "/version", "/networks"):
        with pytest.raises(EngineUnreachable, match=r"no Docker engine answers at tcp://192\.0\.2\.1:2375"):
            reader.json(path)
    assert tried == [WITHIN]


def said_of(address: str, **environment: str) -> EngineUnreachable:
    with pytest.raises(EngineUnreachable) as raised:
        DockerReader({"DOCKER_HOST": address, **environment}).json("/info")
    return raised.value


def test_an_engine_over_ssh_without_what_that_needs_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # As where paramiko is not installed: then docker-py has no such name.
    monkeypatch.delattr("docker.api.client.SSHHTTPAdapter", raising=False)
    said = said_of("ssh://root@192.0.2.1")
    assert "wants the package paramiko" in said.message
    assert said.remedy.endswith("-m pip install 'docker[ssh]'")


def test_a_setting_that_docker_py_refuses_is_told(tmp_path: Path) -> None:
    said = said_of("tcp://127.0.0.1:1", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(tmp_path))
    assert said.message.startswith("Docker at tcp://127.0.0.1:1 cannot be asked: ")
    assert "TLS" in said.message


def test_a_port_that_nobody_has_and_a_socket_that_is_not_there_are_told_as_ever(tmp_path: Path) -> None:
    for address in ("tcp://127.0.0.1:1", f"unix://{tmp_path}/nothing.sock"):
        assert said_of(address).message == f"no Docker engine answers at {address}"
